//! A tenant with a principal, and short ways to deploy and run scripts.

use app::{App, AppConfig, AppError, DataLocation, ExecutionView, NewScriptInput, ResultView, RunRequest, ScriptRef};
use domain::{Capabilities, Language, Limits, Principal, RecordMode, ScriptKind, ScriptName, Trigger};
use tempfile::TempDir;

/// An application with its data.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) principal: Principal,
    pub(crate) directory: TempDir,
}

/// How the application of a test is set up.
pub(crate) fn config(directory: &TempDir) -> AppConfig {
    AppConfig {
        data: DataLocation::Directory(directory.path().to_owned()),
        slots: 16,
        tenant_share: 8,
        ..AppConfig::default()
    }
}

/// Stop an application, and start another on its data once its last task has let go of it.
pub(crate) async fn restarted(app: App, config: AppConfig) -> App {
    app.shutdown(std::time::Duration::from_secs(5)).await;
    drop(app);
    for _ in 0..100_000 {
        if let Ok(app) = App::open(config.clone()).await {
            return app;
        }
        tokio::task::yield_now().await;
    }
    panic!("the application still holds its data");
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::set_with(|_| ()).await
    }

    /// One whose configuration is not as usual.
    pub(crate) async fn set_with(adjust: impl FnOnce(&mut AppConfig)) -> Self {
        let directory = TempDir::new().unwrap();
        let mut config = config(&directory);
        adjust(&mut config);
        Self::with(directory, config).await
    }

    /// The application as this configuration has it, over data in `directory`.
    pub(crate) async fn with(directory: TempDir, config: AppConfig) -> Self {
        let app = App::open(config).await.unwrap();
        let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, principal, directory }
    }

    /// Deploy a one-off script.
    pub(crate) async fn deploy(&self, name: &str, source: &str) {
        self.deploy_with(name, source, Capabilities::default(), None).await;
    }

    pub(crate) async fn deploy_with(
        &self,
        name: &str,
        source: &str,
        capabilities: Capabilities,
        limits: Option<Limits>,
    ) {
        let input = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities,
            limits,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, input).await.unwrap();
        let script = ScriptRef::parse(name).unwrap();
        self.app.scripts().deploy(&self.principal, &script, None, String::new()).await.unwrap();
    }

    pub(crate) async fn try_run(&self, name: &str, input: &str) -> Result<ExecutionView, AppError> {
        let script = ScriptRef::parse(name).unwrap();
        let request = RunRequest { script, input: input.to_owned(), trigger: Trigger::Api };
        self.app.executions().run(&self.principal, request).await
    }

    pub(crate) async fn run(&self, name: &str, input: &str) -> ExecutionView {
        self.try_run(name, input).await.unwrap()
    }

    /// Run a script once and answer its JSON.
    pub(crate) async fn answer(&self, name: &str, input: &str) -> serde_json::Value {
        json(&self.run(name, input).await)
    }
}

/// The JSON of a successful execution.
pub(crate) fn json(view: &ExecutionView) -> serde_json::Value {
    match (&view.result, &view.error) {
        (Some(ResultView::Json(json)), _) => serde_json::from_str(json).unwrap(),
        (_, error) => panic!("no result: {error:?}"),
    }
}

/// The word of the kind with which an execution failed.
pub(crate) fn kind(view: &ExecutionView) -> &'static str {
    view.execution.error_kind.map_or("success", domain::ErrorKind::as_str)
}

/// The data, once the last task of the application has let go of it.
pub(crate) async fn reopened(directory: &std::path::Path) -> database::Database {
    for _ in 0..100_000 {
        if let Ok(database) = database::Database::open(directory) {
            return database;
        }
        tokio::task::yield_now().await;
    }
    panic!("the application still holds its data");
}
