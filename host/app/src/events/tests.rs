//! Events, with a real database and real scripts: from whoever publishes to the scripts that subscribe, and what becomes
//! of those that cannot be delivered.

mod letters;
mod soak;

use database::{
    DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason, Delivery, DeliveryStatus, EventPosition, Subscription,
    SubscriptionChange,
};
use domain::{
    Capabilities, EventPattern, Language, Permission, Permissions, Principal, RecordMode, RunPolicy, ScriptKind,
    ScriptName, policy::Backoff, principals::Forbidden,
};

use super::*;
use crate::{
    App, AppConfig, DataLocation, EventEdit, NewScriptInput, ResultView, ScriptRef, SettingsInput, SubscriptionInput,
    SubscriptionPatch,
};

/// Answers what it is given.
const ECHO: &str = "export default (event) => event";
/// Takes nothing.
const BROKEN: &str = "export default () => { throw new Error('broken') }";

struct Stage {
    app: App,
    principal: Principal,
}

impl Stage {
    async fn set() -> Self {
        Self::open(AppConfig::in_memory()).await
    }

    async fn open(config: AppConfig) -> Self {
        let app = App::open(config).await.unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        Self { app, principal }
    }

    /// Deploy a script that runs on these types.
    async fn subscribe(&self, name: &str, source: &str, types: &[&str], max_attempts: u32) -> Subscription {
        let backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(100) };
        let input = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind: ScriptKind::Event,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: Some(RunPolicy { backoff, breaker_failures: None, ..RunPolicy::DEFAULT }),
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, input).await.unwrap();
        self.app.scripts().deploy(&self.principal, &named(name), None, String::new()).await.unwrap();
        let subscription = subscription(name, types);
        let input = SubscriptionInput { max_attempts: Some(max_attempts), ..subscription };
        self.app.subscriptions().create(&self.principal, input).await.unwrap()
    }

    async fn replace(&self, name: &str, source: &str) {
        let scripts = self.app.scripts();
        let revision = scripts.get(&self.principal, &named(name)).unwrap().script.summary.draft_revision;
        scripts.edit_draft(&self.principal, &named(name), revision, None, source.to_owned()).await.unwrap();
        scripts.deploy(&self.principal, &named(name), None, String::new()).await.unwrap();
    }

    async fn publish(&self, event_type: &str, subject: Option<&str>, data: &str) -> PublishedEvent {
        let input = EventInput { subject: subject.map(str::to_owned), ..event(event_type, data) };
        self.app.events().publish(&self.principal, input).await.unwrap()
    }

    fn deliveries(&self, subscription: &Subscription) -> Vec<Delivery> {
        let mut found = self.app.subscriptions().deliveries(&self.principal, subscription.id, None, 1_000).unwrap();
        found.reverse();
        found
    }

    /// The deliveries once there are `count` of them and all have ended.
    async fn settled(&self, subscription: &Subscription, count: usize) -> Vec<Delivery> {
        let is_settled = |found: &Vec<Delivery>| {
            found.len() >= count && found.iter().all(|delivery| delivery.completed_at.is_some())
        };
        self.until(|| Some(self.deliveries(subscription)).filter(is_settled)).await
    }

    /// Wait until subscriptions were looked for of everything that was published.
    async fn all_looked_at(&self) {
        let pending = || self.app.inner.database.pending_events(self.principal.tenant, 1).unwrap();
        self.until(|| pending().is_empty().then_some(())).await;
    }

    async fn until<T>(&self, mut found: impl FnMut() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = found() {
                    return found;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), looking).await.expect("it never came")
    }

    /// A round of the dispatcher, from its beginning to its end.
    async fn round(&self) {
        self.app.inner.dispatch_events(UnixMillis::now()).await.unwrap();
    }

    fn letters(&self) -> Vec<DeadLetter> {
        self.app.dead_letters().list(&self.principal, DeadLetterFilter::default(), None, 1_000).unwrap()
    }

    /// What the execution of a delivery answered.
    fn answer(&self, delivery: &Delivery) -> serde_json::Value {
        let view = self.app.executions().get(&self.principal, delivery.execution.unwrap()).unwrap();
        match view.result {
            Some(ResultView::Json(json)) => serde_json::from_str(&json).unwrap(),
            other => panic!("no result: {other:?} {:?}", view.error),
        }
    }

    /// The same member without one right.
    fn without(&self, missing: Permission) -> Principal {
        let permissions: Permissions = Permissions::all().iter().filter(|permission| *permission != missing).collect();
        Principal { permissions, ..self.principal.clone() }
    }
}

fn named(name: &str) -> ScriptRef {
    ScriptRef::parse(name).unwrap()
}

fn event(event_type: &str, data: &str) -> EventInput {
    EventInput { event_type: event_type.to_owned(), data: data.to_owned(), subject: None, id: None }
}

fn subscription(script: &str, types: &[&str]) -> SubscriptionInput {
    SubscriptionInput {
        script: named(script),
        types: types.iter().map(|text| EventPattern::parse(text).unwrap()).collect(),
        source: None,
        is_active: true,
        max_attempts: Some(1),
    }
}

fn statuses(deliveries: &[Delivery]) -> Vec<DeliveryStatus> {
    deliveries.iter().map(|delivery| delivery.status).collect()
}

fn lacks<T>(result: Result<T, AppError>, expected: Permission) -> bool {
    matches!(result, Err(AppError::Forbidden(Forbidden { permission })) if permission == expected)
}

#[tokio::test]
async fn a_script_is_given_the_events_that_its_subscription_matches() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    stage.publish("invoice.sent", None, "1").await;
    let published = stage.publish("order.placed", Some("o-1"), r#"{"total":99}"#).await;
    let [delivery] = stage.settled(&subscription, 1).await.try_into().unwrap();
    assert_eq!((delivery.status, &delivery.event), (DeliveryStatus::Delivered, &published.id));
    let given = stage.answer(&delivery);
    assert_eq!(given["id"], published.id);
    assert_eq!((&given["type"], &given["subject"]), (&"order.placed".into(), &"o-1".into()));
    assert_eq!((&given["data"]["total"], &given["source"]), (&99.into(), &published.source.into()));
    assert!(given["time"].as_str().unwrap().ends_with('Z'));
    let execution = stage.app.executions().get(&stage.principal, delivery.execution.unwrap()).unwrap().execution;
    assert_eq!((execution.trigger, execution.binding), (domain::Trigger::Event, stage.principal.user()));
}

#[tokio::test]
async fn a_script_that_publishes_what_it_listens_to_ends_in_the_dead_letter_with_its_chain() {
    let stage = Stage::set().await;
    let source = "export default (event) => events.publish('loop.turn', event.data + 1)";
    let subscription = stage.subscribe("loop", source, &["loop.*"], 1).await;
    stage.publish("loop.turn", None, "0").await;
    let letter = stage.until(|| stage.letters().pop()).await;
    assert_eq!((letter.kind, letter.reason), (DeadLetterKind::Event, DeadReason::Hops));
    let deliveries = stage.settled(&subscription, 17).await;
    assert_eq!(deliveries.len(), 17, "sixteen executions, and one event too many");
    assert_eq!(deliveries.iter().filter(|delivery| delivery.execution.is_some()).count(), 16);
    let view = stage.app.dead_letters().get(&stage.principal, letter.id).unwrap();
    assert_eq!(view.event.unwrap().data.as_deref(), Some("16"));
    let hops: Vec<u32> = view.chain.iter().map(|link| link.hop).collect();
    assert_eq!(hops, (0..=16).collect::<Vec<u32>>());
    assert!(view.chain[0].execution.is_none() && view.chain[0].source.starts_with("/users/"));
    assert!(view.chain[1..].iter().all(|link| link.script == letter.script && link.event_type == "loop.turn"));
    // As it is it can go no further; edited it is the first of a new chain.
    let letters = stage.app.dead_letters();
    let refused = letters.redrive(&stage.principal, letter.id).await;
    assert!(matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.field == "data"), "{refused:?}");
    let edit = EventEdit { data: Some(String::from("0")), subject: None };
    let id = letters.redrive_edited(&stage.principal, letter.id, edit).await.unwrap();
    stage.until(|| Some(stage.letters()).filter(|letters| letters.len() == 2)).await;
    let edited = stage.app.inner.database.event(stage.principal.tenant, "redrive", &id).unwrap().unwrap();
    assert_eq!(edited.event.hop, 0);
}

#[tokio::test]
async fn events_of_a_subject_keep_their_order_while_one_of_them_is_tried_again() {
    let stage = Stage::set().await;
    let source = "export default async (event) => {
        if (event.data === 1 && context.execution.attempt === 1) throw new Error('not yet');
        const seen = (await storage.get('seen')) ?? [];
        await storage.set('seen', [...seen, event.data]);
        return [...seen, event.data];
    }";
    let subscription = stage.subscribe("order", source, &["step"], 3).await;
    for number in 1..=4 {
        stage.publish("step", Some("s"), &number.to_string()).await;
    }
    let deliveries = stage.settled(&subscription, 4).await;
    assert_eq!(statuses(&deliveries), [DeliveryStatus::Delivered; 4]);
    assert_eq!(stage.answer(&deliveries[3]), serde_json::json!([1, 2, 3, 4]));
}

#[tokio::test]
async fn what_an_application_published_before_it_ended_is_delivered_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let config = || AppConfig { data: DataLocation::Directory(directory.path().to_owned()), ..AppConfig::in_memory() };
    let Stage { app, principal } = Stage::open(config()).await;
    let stage = Stage { app, principal };
    let subscription = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let Stage { app, principal } = stage;
    app.shutdown(Duration::from_secs(5)).await;
    drop(app);
    // One that has no dispatcher, as if it had ended right after the publication.
    let offline = until_open(|| App::open_offline(config())).await;
    offline.events().publish(&principal, event("order.placed", "1")).await.unwrap();
    drop(offline);
    let app = loop {
        match App::open(config()).await {
            Ok(app) => break app,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let stage = Stage { app, principal };
    let deliveries = stage.settled(&subscription, 1).await;
    assert_eq!(statuses(&deliveries), [DeliveryStatus::Delivered]);
}

async fn until_open<E>(mut open: impl FnMut() -> Result<App, E>) -> App {
    loop {
        match open() {
            Ok(app) => return app,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn an_event_out_of_shape_is_refused_and_so_is_one_of_skerry() {
    let stage = Stage::set().await;
    let big = format!("\"{}\"", "a".repeat(DATA_BYTES_MAX));
    let named = |id: &str| EventInput { id: Some(id.to_owned()), ..event("order.placed", "1") };
    let about = |subject: &str| EventInput { subject: Some(subject.to_owned()), ..event("order.placed", "1") };
    let refused = [
        (event("skerry.script.created", "1"), "type"),
        (event("skerry", "1"), "type"),
        (event("Order.Placed", "1"), "type"),
        (event("order.*", "1"), "type"),
        (event("order.\0", "1"), "type"),
        (event("\u{1f680}", "1"), "type"),
        (event(&"a".repeat(201), "1"), "type"),
        (event("order.placed", ""), "data"),
        (event("order.placed", "{"), "data"),
        (event("order.placed", "1 2"), "data"),
        (event("order.placed", &big), "data"),
        (named(""), "id"),
        (named("a\0b"), "id"),
        (named(&"a".repeat(201)), "id"),
        (about(""), "subject"),
        (about("\u{1b}[31m"), "subject"),
    ];
    for (input, field) in refused {
        let told = format!("{input:.80?}");
        match stage.app.events().publish(&stage.principal, input).await {
            Err(AppError::Invalid(invalid)) => assert_eq!(invalid.field, field, "{told}"),
            other => panic!("{told}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_host_says_whose_an_event_is_and_an_id_is_published_once() {
    let stage = Stage::set().await;
    let once = EventInput { id: Some(String::from("once")), ..event("order.placed", "1") };
    let first = stage.app.events().publish(&stage.principal, once.clone()).await.unwrap();
    let again = EventInput { data: String::from("2"), ..once };
    let second = stage.app.events().publish(&stage.principal, again).await.unwrap();
    assert_eq!((first.is_new, second.is_new, second.position), (true, false, first.position));
    let view = stage.app.events().get(&stage.principal, first.position).unwrap();
    let user = stage.principal.user().unwrap();
    assert_eq!((view.data.as_deref(), &view.stored.event.source), (Some("1"), &format!("/users/{user}")));
    assert_eq!((view.stored.event.hop, view.stored.event.published_by), (0, Some(user)));
    let nowhere = EventPosition { revision: i64::MAX, ordinal: 0 };
    let missing = stage.app.events().get(&stage.principal, nowhere);
    assert!(matches!(missing, Err(AppError::NotFound { what: "event" })));
}

#[tokio::test]
async fn each_use_asks_for_its_permission() {
    let stage = Stage::set().await;
    let made = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let (events, subscriptions, letters) = (stage.app.events(), stage.app.subscriptions(), stage.app.dead_letters());
    let id = domain::DeadLetterId::generate();
    let by = stage.without(Permission::EventsPublish);
    assert!(lacks(events.publish(&by, event("a", "1")).await, Permission::EventsPublish));
    let by = stage.without(Permission::EventsRead);
    assert!(lacks(events.list(&by, None, 1), Permission::EventsRead));
    assert!(lacks(events.get(&by, EventPosition::default()), Permission::EventsRead));
    assert!(lacks(subscriptions.list(&by, None, 1), Permission::EventsRead));
    assert!(lacks(subscriptions.get(&by, made.id), Permission::EventsRead));
    assert!(lacks(subscriptions.deliveries(&by, made.id, None, 1), Permission::EventsRead));
    assert!(lacks(subscriptions.create(&by, subscription("echo", &["a"])).await, Permission::EventsRead));
    assert!(lacks(letters.list(&by, DeadLetterFilter::default(), None, 1), Permission::EventsRead));
    assert!(lacks(letters.get(&by, id), Permission::EventsRead));
    let by = stage.without(Permission::ScriptsDeploy);
    assert!(lacks(subscriptions.create(&by, subscription("echo", &["a"])).await, Permission::ScriptsDeploy));
    let patch = SubscriptionPatch { is_active: Some(false), ..SubscriptionPatch::default() };
    assert!(lacks(subscriptions.change(&by, made.id, patch).await, Permission::ScriptsDeploy));
    assert!(lacks(subscriptions.delete(&by, made.id).await, Permission::ScriptsDeploy));
    let broken = stage.subscribe("broken", BROKEN, &["broken"], 1).await;
    stage.publish("broken", None, "1").await;
    stage.settled(&broken, 1).await;
    let given_up = stage.letters()[0].id;
    let by = stage.without(Permission::ExecutionsInspect);
    assert!(lacks(letters.redrive(&by, given_up).await, Permission::ExecutionsInspect));
    let by = stage.without(Permission::EventsManage);
    assert!(lacks(letters.redrive(&by, id).await, Permission::EventsManage));
    assert!(lacks(letters.delete(&by, id).await, Permission::EventsManage));
}

#[tokio::test]
async fn a_subscription_that_cannot_be_is_refused() {
    let stage = Stage::set().await;
    stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let many = vec!["a"; 21];
    let refused = [
        (subscription("echo", &[]), "types"),
        (subscription("echo", &many), "types"),
        (SubscriptionInput { max_attempts: Some(0), ..subscription("echo", &["a"]) }, "max_attempts"),
        (SubscriptionInput { max_attempts: Some(21), ..subscription("echo", &["a"]) }, "max_attempts"),
        (SubscriptionInput { source: Some(String::new()), ..subscription("echo", &["a"]) }, "source"),
        (SubscriptionInput { source: Some(String::from("a\0")), ..subscription("echo", &["a"]) }, "source"),
    ];
    for (input, field) in refused {
        match stage.app.subscriptions().create(&stage.principal, input).await {
            Err(AppError::Invalid(invalid)) => assert_eq!(invalid.field, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let unknown = stage.app.subscriptions().create(&stage.principal, subscription("nobody", &["a"])).await;
    assert!(matches!(unknown, Err(AppError::NotFound { what: "script" })), "{unknown:?}");
}

#[tokio::test]
async fn what_an_execution_that_a_crash_ended_leaves_is_told_and_says_why() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("watch", ECHO, &["skerry.execution.failed"], 1).await;
    let target = crate::executions::Target::of_script(&stage.app.inner, stage.principal.tenant, &named("watch"));
    let target = target.unwrap();
    let doomed = database::Doomed {
        tenant: stage.principal.tenant,
        execution: ExecutionId::generate(),
        script: target.script.id,
        trigger: domain::Trigger::Cron,
        lineage: None,
        kind: domain::ErrorKind::Interrupted,
    };
    let [ending] = stage.app.inner.endings(vec![doomed]).try_into().unwrap();
    assert!(ending.error.is_some());
    let told = ending.told.unwrap();
    let data = stage.app.inner.event_data(stage.principal.tenant, &told).unwrap();
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["execution"]["error_kind"], "interrupted");
    assert_eq!((&data["script"]["name"], told.hop), (&"watch".into(), 0));
    let cancelled = database::Doomed { kind: domain::ErrorKind::Cancelled, ..doomed };
    let [ending] = stage.app.inner.endings(vec![cancelled]).try_into().unwrap();
    assert!(ending.told.is_none(), "who cancels something knows");
    drop(subscription);
}

#[tokio::test]
async fn a_publication_past_the_storage_is_refused_by_the_quotas_name() {
    let quotas = domain::Quotas::default();
    let stage = Stage::open(AppConfig { storage_limit_bytes: 20_000, quotas, ..AppConfig::in_memory() }).await;
    let big = format!("\"{}\"", "a".repeat(9_000));
    let events = stage.app.events();
    let mut refused = None;
    for _ in 0..3 {
        refused = events.publish(&stage.principal, event("order.placed", &big)).await.err();
    }
    match refused {
        Some(AppError::Quota { quota, limit, .. }) => assert_eq!((quota, limit), ("storage_bytes", 20_000)),
        other => panic!("{other:?}"),
    }
    let shown = stage.app.usage().show(&stage.principal).unwrap();
    assert!((18_000..=20_000).contains(&shown.storage_bytes), "{}", shown.storage_bytes);
    // What Skerry tells is not lost.
    stage.subscribe("watch", ECHO, &["order.*"], 1).await;
    let types: Vec<String> =
        events.list(&stage.principal, None, 10).unwrap().into_iter().map(|stored| stored.event.event_type).collect();
    assert!(types.contains(&String::from("skerry.script.created")), "{types:?}");
}

#[tokio::test]
async fn a_script_that_publishes_more_than_may_be_pending_fails_by_the_quota_and_publishes_nothing() {
    let stage = Stage::open(AppConfig { pending_events: 2, ..AppConfig::in_memory() }).await;
    let source = "export default async (event) => {
        for (let n = 0; n < event.data; n += 1) await events.publish('drop', n);
    }";
    let subscription = stage.subscribe("burst", source, &["burst"], 5).await;
    stage.all_looked_at().await;
    stage.publish("burst", None, "3").await;
    stage.all_looked_at().await;
    stage.publish("burst", None, "1").await;
    let [refused, taken] = stage.settled(&subscription, 2).await.try_into().unwrap();
    assert_eq!((refused.status, refused.error_kind), (DeliveryStatus::Dead, Some(domain::ErrorKind::Quota)));
    assert_eq!(taken.status, DeliveryStatus::Delivered);
    let view = stage.app.executions().get(&stage.principal, refused.execution.unwrap()).unwrap();
    assert!(view.error.unwrap().message.contains("'pending_events' of 2"));
    let published = stage.app.events().list(&stage.principal, None, 100).unwrap();
    assert_eq!(published.iter().filter(|stored| stored.event.event_type == "drop").count(), 1);
}

#[tokio::test]
async fn interests_that_were_read_before_a_change_are_not_kept() {
    let (events, tenant) = (Events::new(), TenantId::generate());
    let interests = Arc::new(Vec::new());
    let generation = events.generation();
    events.changed(tenant);
    events.keep(tenant, generation, &interests);
    assert!(events.interests.get(&tenant).is_none());
    events.keep(tenant, events.generation(), &interests);
    assert!(events.interests.get(&tenant).is_some());
}

#[tokio::test]
async fn a_subscription_that_can_never_match_or_is_there_already_is_refused_with_the_reason() {
    let stage = Stage::set().await;
    let first = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let of = |types: &[&str], source: &str| SubscriptionInput {
        source: Some(source.to_owned()),
        ..subscription("echo", types)
    };
    let refused = [
        (subscription("echo", &["skerry.script.exploded"]), "types"),
        (subscription("echo", &["skerry"]), "types"),
        (of(&["order.*"], "skerry"), "types"),
        (of(&["*"], "skerry"), "types"),
        (of(&["skerry.*"], "/scripts/a"), "source"),
        (of(&["order.*"], "shop"), "source"),
        (of(&["order.*"], "redrive"), "source"),
    ];
    let subscriptions = stage.app.subscriptions();
    for (input, field) in refused {
        let told = format!("{input:?}");
        match subscriptions.create(&stage.principal, input).await {
            Err(AppError::Invalid(invalid)) => assert_eq!(invalid.field, field, "{told}"),
            other => panic!("{told}: {other:?}"),
        }
    }
    let again = subscriptions.create(&stage.principal, subscription("echo", &["order.*"])).await;
    assert!(matches!(again, Err(AppError::SubscriptionExists { first: id }) if id == first.id), "{again:?}");
    let other = subscriptions.create(&stage.principal, of(&["order.*"], "/scripts/a")).await.unwrap();
    let patch = SubscriptionPatch { source: Some(None), ..SubscriptionPatch::default() };
    let changed = subscriptions.change(&stage.principal, other.id, patch).await;
    assert!(matches!(changed, Err(AppError::SubscriptionExists { first: id }) if id == first.id), "{changed:?}");
}

#[tokio::test]
async fn what_is_paused_is_skipped_and_a_source_can_be_asked_for() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let pause = |is_active| SettingsInput { is_active: Some(is_active), ..SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.principal, &named("echo"), pause(false)).await.unwrap();
    stage.publish("order.placed", None, "1").await;
    let skipped = stage.settled(&subscription, 1).await;
    assert_eq!(statuses(&skipped), [DeliveryStatus::Skipped]);
    stage.app.scripts().update_settings(&stage.principal, &named("echo"), pause(true)).await.unwrap();
    let of_scripts =
        SubscriptionPatch { source: Some(Some(String::from("/scripts/x"))), ..SubscriptionPatch::default() };
    stage.app.subscriptions().change(&stage.principal, subscription.id, of_scripts).await.unwrap();
    stage.publish("order.placed", None, "2").await;
    let of_all = SubscriptionPatch { source: Some(None), ..SubscriptionPatch::default() };
    stage.all_looked_at().await;
    stage.app.subscriptions().change(&stage.principal, subscription.id, of_all).await.unwrap();
    stage.publish("order.placed", None, "3").await;
    let deliveries = stage.settled(&subscription, 2).await;
    assert_eq!(statuses(&deliveries), [DeliveryStatus::Skipped, DeliveryStatus::Delivered]);
    assert_eq!(stage.answer(&deliveries[1])["data"], 3);
}

#[tokio::test]
async fn skerry_tells_of_scripts_and_of_executions_that_fail() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("watch", ECHO, &["skerry.*"], 1).await;
    // What was told before there was a subscription may be looked at before or after it: not while the rest is counted.
    stage.all_looked_at().await;
    let before = stage.deliveries(&subscription).len();
    let ship = stage.subscribe("ship", BROKEN, &["order.placed"], 1).await;
    stage.publish("order.placed", None, "1").await;
    stage.settled(&ship, 1).await;
    let deliveries = stage.settled(&subscription, before + 3).await;
    let given: Vec<serde_json::Value> = deliveries.iter().map(|delivery| stage.answer(delivery)).collect();
    let told = |event_type: &str| {
        given
            .iter()
            .rev()
            .find(|given| given["type"] == event_type)
            .unwrap_or_else(|| panic!("{event_type}: {given:?}"))
    };
    for event_type in ["skerry.script.created", "skerry.script.deployed", "skerry.execution.failed"] {
        assert_eq!(told(event_type)["source"], "skerry");
        assert_eq!(told(event_type)["data"]["script"]["name"], "ship", "{event_type}");
    }
    let failed = &told("skerry.execution.failed")["data"]["execution"];
    assert_eq!((&failed["error_kind"], &failed["trigger"]), (&"user_error".into(), &"event".into()));
}
