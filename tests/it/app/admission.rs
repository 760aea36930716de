//! Whatever reads tenant source or runs a guest is admitted and charged as the tenant's (RULES 7).

use domain::UnixMillis;

use super::stage::{Stage, reopened};

#[tokio::test(flavor = "multi_thread")]
async fn compiling_and_running_are_charged_to_the_tenant() {
    let stage = Stage::set().await;
    stage.deploy("work", "export default () => { let n = 0; for (let i = 0; i < 1e5; i++) n += i; return n }").await;
    let view = stage.run("work", "null").await;
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal);
    let Stage { app, principal, directory, .. } = stage;
    app.shutdown(std::time::Duration::from_secs(5)).await;
    drop(app);
    let database = reopened(directory.path()).await;
    let usage = database.usage_of_day(principal.tenant, UnixMillis::now().utc_day()).unwrap();
    assert_eq!(usage.executions, 1);
    let run_and_replay = 2 * view.execution.fuel;
    assert!(
        usage.fuel > run_and_replay,
        "{} of compiling, running and replaying, {run_and_replay} without the first",
        usage.fuel
    );
}
