//! Test runs, with a real database and a real sandbox.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::{ErrorKind, ScriptKind, ScriptName, principals::Forbidden};
use runtime::Output;

use super::*;
use crate::{App, AppConfig, NewScriptInput};

struct Stage {
    app: App,
    admin: Principal,
}

impl Stage {
    async fn set() -> Self {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let made = app.bootstrap(true).await.unwrap().unwrap();
        let admin = app.tokens().authenticate(&made.token).unwrap();
        let input = NewScriptInput {
            name: ScriptName::parse("tried").unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: String::from("export default () => 'the draft'"),
            capabilities: Capabilities {
                services: vec![String::from("products.*")],
                hosts: vec![String::from("api.example.com")],
                ..Capabilities::default()
            },
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        app.scripts().create(&admin, input).await.unwrap();
        Self { app, admin }
    }

    async fn test_as(&self, principal: &Principal, source: Option<&str>) -> Result<TestRun, AppError> {
        let request = TestRequest {
            script: ScriptRef::parse("tried").unwrap(),
            source: source.map(str::to_owned),
            language: None,
            capabilities: None,
            input: String::from("null"),
            effects: TestEffects::Withheld,
        };
        self.app.executions().test(principal, request).await
    }

    async fn test(&self, source: &str) -> TestRun {
        self.test_as(&self.admin, Some(source)).await.unwrap()
    }

    fn without(&self, missing: &[Permission]) -> Principal {
        let permissions = self.admin.permissions.without(missing.iter().copied().collect());
        Principal { permissions, ..self.admin.clone() }
    }
}

fn json(run: &TestRun) -> String {
    match &run.outcome.result {
        Ok(Output::Json(json)) => json.clone(),
        other => panic!("{other:?}"),
    }
}

fn failed(run: &TestRun) -> (ErrorKind, String) {
    let failure = run.outcome.result.as_ref().unwrap_err();
    (failure.kind, failure.message.clone())
}

#[tokio::test]
async fn a_test_runs_the_draft_or_another_source_and_leaves_nothing() {
    let stage = Stage::set().await;
    let draft = stage.test_as(&stage.admin, None).await.unwrap();
    assert_eq!(json(&draft), "\"the draft\"");
    let before = stage.app.inner.database.usage_of_day(stage.admin.tenant, UnixMillis::now().utc_day()).unwrap();
    let written = stage
        .test(
            "export default async () => {
                await storage.set('tried', 1);
                await storage.commit();
                await events.publish('order.created', {});
                return storage.get('tried');
            }",
        )
        .await;
    assert_eq!(json(&written), "1", "it reads its own writes");
    assert_eq!(written.calls.len(), 4);
    let database = &stage.app.inner.database;
    let stored = database.storage_get(stage.admin.tenant, "tried", UnixMillis::now()).unwrap();
    assert_eq!(stored.value, None);
    let kept = stage.app.executions().list(&stage.admin, &Default::default(), None, 10).unwrap();
    assert!(kept.executions.is_empty());
    let after = database.usage_of_day(stage.admin.tenant, UnixMillis::now().utc_day()).unwrap();
    assert!(after.fuel > before.fuel, "it is charged");
    assert_eq!(after.executions, before.executions, "and no execution");
}

#[tokio::test]
async fn a_test_sends_nothing_that_changes_something_outside() {
    let stage = Stage::set().await;
    let post = stage.test("export default () => http.post('https://api.example.com/', {})").await;
    let (kind, message) = failed(&post);
    assert_eq!(kind, ErrorKind::CapabilityDenied);
    assert!(message.contains("with effects"), "{message}");
    let request = TestRequest {
        script: ScriptRef::parse("tried").unwrap(),
        source: None,
        language: None,
        capabilities: None,
        input: String::from("null"),
        effects: TestEffects::Sent,
    };
    let author = stage.without(&[Permission::ScriptsDeploy]);
    let refused = stage.app.executions().test(&author, request).await;
    assert!(matches!(refused, Err(AppError::Forbidden(Forbidden { permission: Permission::ScriptsDeploy }))));
}

#[tokio::test]
async fn a_test_acts_with_the_testers_own_rights() {
    let stage = Stage::set().await;
    let reads = "export default () => storage.get('a')";
    let without = stage.without(&[Permission::StorageRead]);
    let denied = stage.test_as(&without, Some(reads)).await.unwrap();
    assert_eq!(failed(&denied).0, ErrorKind::CapabilityDenied);
    assert_eq!(json(&stage.test(reads).await), "null");
    let writes = "export default () => services.products.create({ id: 'p9', name: 'P', price: 1, stock: 1 })";
    let author = stage.without(&[Permission::ScriptsDeploy]);
    let (kind, message) = failed(&stage.test_as(&author, Some(writes)).await.unwrap());
    assert_eq!(kind, ErrorKind::CapabilityDenied);
    assert!(message.contains("scripts.deploy"), "{message}");
    let secret = stage.test_as(&author, Some("export default () => secrets.get('key')")).await.unwrap();
    assert_eq!(failed(&secret).0, ErrorKind::CapabilityDenied);
    for missing in [Permission::ScriptsWrite, Permission::ExecutionsRun] {
        let refused = stage.test_as(&stage.without(&[missing]), None).await;
        assert!(matches!(refused, Err(AppError::Forbidden(Forbidden { permission })) if permission == missing));
    }
}

#[tokio::test]
async fn a_test_says_what_capabilities_would_be_enough() {
    let stage = Stage::set().await;
    let run = stage
        .test(
            "export default async () => {
                try { await http.get('https://elsewhere.example.org/') } catch {}
                return services.products.list();
            }",
        )
        .await;
    let needed = run.needed.unwrap();
    assert_eq!(needed.services, ["products.list"]);
    assert!(needed.hosts.contains(&String::from("elsewhere.example.org")), "{needed:?}");
}

#[tokio::test]
async fn a_source_that_does_not_compile_and_a_script_of_nobody_are_told_apart() {
    let stage = Stage::set().await;
    let wrong = stage.test_as(&stage.admin, Some("export default (")).await;
    assert!(matches!(wrong, Err(AppError::Source { .. })));
    let request = TestRequest {
        script: ScriptRef::parse("nobody").unwrap(),
        source: None,
        language: None,
        capabilities: None,
        input: String::from("null"),
        effects: TestEffects::Withheld,
    };
    assert!(matches!(stage.app.executions().test(&stage.admin, request).await, Err(AppError::NotFound { .. })));
}
