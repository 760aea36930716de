//! Events on their way: from the outbox to deliveries, to executions, and to their ends; and what is given up.

mod bounds;
mod broken;

use database::{
    CommitResult, DatabaseError, DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason, Effects, Ending,
    EventPosition, ExecutionCommit, Expansion, Fate, NewDelivery, PendingEvent, PublishBounds, QueuedExecution,
    Readability, Redrive, Release, Replacement, Rescue, StoredEvent, Subscription, SubscriptionChange,
};
use domain::{ErrorKind, EventPattern, ExecutionStatus, Lineage, SubscriptionId, UnixMillis, lineage::BUDGET};

use crate::stage::{NOW, Stage, ended, event, revision_of, set, writes};

/// More than any test needs.
const ROOM: PublishBounds = PublishBounds { storage_bytes: 1 << 30, pending_events: 1_000 };

fn subscription(stage: &Stage) -> Subscription {
    Subscription {
        id: SubscriptionId::generate(),
        script: stage.home.script,
        patterns: vec![EventPattern::parse("order.*").unwrap()],
        source: None,
        is_active: true,
        max_attempts: 3,
        created_at: NOW,
        set_by: Some(stage.home.user),
        set_at: NOW,
    }
}

/// A stage with a subscription.
async fn stage() -> (Stage, SubscriptionId) {
    let stage = Stage::set().await;
    let subscription = subscription(&stage);
    let id = subscription.id;
    stage.database.create_subscription(stage.home.tenant, subscription, 100).await.unwrap();
    (stage, id)
}

/// Another subscription, of which the script has none.
async fn subscription_of(stage: &Stage) -> SubscriptionId {
    let subscription = subscription(stage);
    let id = subscription.id;
    stage.database.create_subscription(stage.home.tenant, subscription, 100).await.unwrap();
    id
}

impl Stage {
    fn letters(&self) -> Vec<DeadLetter> {
        self.database.list_dead_letters(self.home.tenant, DeadLetterFilter::default(), None, 100).unwrap()
    }

    async fn publish(&self, id: &str, subject: Option<&str>) {
        let event = database::OutboxEvent { subject: subject.map(str::to_owned), ..event(id) };
        assert!(self.database.publish_event(self.home.tenant, event, ROOM).await.unwrap().is_new);
    }

    fn pending(&self) -> Vec<StoredEvent> {
        let readable = |pending| match pending {
            PendingEvent::Readable(stored) => stored,
            PendingEvent::Unreadable { .. } => panic!("an event that cannot be read"),
        };
        self.database.pending_events(self.home.tenant, 100).unwrap().into_iter().map(readable).collect()
    }

    /// Turn everything that is pending into deliveries of one subscription.
    async fn expand(&self, subscription: SubscriptionId) {
        let expansions = self
            .pending()
            .into_iter()
            .map(|event| expansion(event, self.delivery(subscription, Fate::Queue(Box::new(self.queued())))));
        let expansions: Vec<Expansion> = expansions.collect();
        let count = expansions.len();
        let expanded = self.database.expand_events(self.home.tenant, expansions, NOW).await.unwrap();
        assert_eq!(expanded.events, count);
    }

    /// Give everything that is ready an execution.
    async fn release(&self, queued: impl Fn() -> QueuedExecution) -> usize {
        let ready = self.database.ready_deliveries(self.home.tenant, 100).unwrap();
        let releases = ready.into_iter().map(|(delivery, _)| Release {
            subscription: delivery.subscription,
            source: delivery.source,
            event: delivery.event,
            fate: Fate::Queue(Box::new(queued())),
        });
        self.database.release_deliveries(self.home.tenant, releases.collect(), NOW).await.unwrap().deliveries
    }

    fn delivery(&self, subscription: SubscriptionId, fate: Fate) -> NewDelivery {
        NewDelivery { subscription, script: self.home.script, fate }
    }

    /// Each event of the subscription with how far it is, in the order of events.
    fn deliveries(&self, subscription: SubscriptionId) -> Vec<(String, &'static str)> {
        let mut found = self.database.list_deliveries(self.home.tenant, subscription, None, 100).unwrap();
        found.reverse();
        found.into_iter().map(|delivery| (delivery.event, delivery.status.as_str())).collect()
    }

    /// Run the next execution to this end.
    async fn run_next(&self, kind: Option<ErrorKind>) {
        let claimed = self.claim(NOW).await.expect("something is ready");
        let mut commit: ExecutionCommit = ended(self.lease_of(&claimed), Effects::default());
        commit.end.error_kind = kind;
        commit.end.status = kind.map_or(ExecutionStatus::Success, ErrorKind::status);
        revision_of(&self.database.commit_execution(commit).await.unwrap());
    }

    fn redrive(&self, letter: domain::DeadLetterId) -> Redrive {
        Redrive { letter, by: Some(self.home.user), token: None, session: None, at: NOW }
    }
}

fn expansion(event: StoredEvent, delivery: NewDelivery) -> Expansion {
    Expansion {
        position: event.position,
        source: event.event.source,
        event: event.event.id,
        subject: event.event.subject,
        root: event.event.root,
        readability: Readability::Readable,
        counted: None,
        deliveries: vec![delivery],
    }
}

fn named(names: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    names.iter().map(|(name, status)| ((*name).to_owned(), *status)).collect()
}

#[tokio::test]
async fn a_crash_between_publication_and_expansion_loses_nothing() {
    let (stage, subscription) = stage().await;
    stage.publish("a", None).await;
    let effects = Effects { events: vec![event("b")], ..Effects::default() };
    revision_of(&stage.commit(effects).await);
    let stage = stage.restart();
    assert_eq!(stage.database.next_tenant_with_pending_events(None).unwrap(), Some(stage.home.tenant));
    let ids: Vec<String> = stage.pending().into_iter().map(|stored| stored.event.id).collect();
    assert_eq!(ids, ["a", "b"]);
    stage.expand(subscription).await;
    assert!(stage.pending().is_empty());
    assert_eq!(stage.database.next_tenant_with_pending_events(None).unwrap(), None);
    let stage = stage.restart();
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 2);
    assert_eq!(stage.deliveries(subscription), named(&[("a", "queued"), ("b", "queued")]));
}

#[tokio::test]
async fn an_event_is_expanded_once_however_often_somebody_tries() {
    let (stage, subscription) = stage().await;
    stage.publish("a", None).await;
    let [stored] = stage.pending().try_into().unwrap();
    let twice = || vec![expansion(stored.clone(), stage.delivery(subscription, Fate::Queue(Box::new(stage.queued()))))];
    let first = stage.database.expand_events(stage.home.tenant, twice(), NOW).await.unwrap();
    let second = stage.database.expand_events(stage.home.tenant, twice(), NOW).await.unwrap();
    assert_eq!((first.queued, second.events, second.queued), (1, 0, 0));
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 1);
}

#[tokio::test]
async fn a_source_publishes_an_id_once() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let first = database.publish_event(tenant, event("a"), ROOM).await.unwrap();
    let again = database.publish_event(tenant, event("a"), ROOM).await.unwrap();
    assert_eq!((first.is_new, again.is_new, again.position), (true, false, first.position));
    let of_other_source = database::OutboxEvent { source: String::from("/users/1"), ..event("a") };
    assert!(database.publish_event(tenant, of_other_source, ROOM).await.unwrap().is_new);
    assert!(database.publish_event(stage.other.tenant, event("a"), ROOM).await.unwrap().is_new);
    assert_eq!(stage.pending().len(), 2);
}

#[tokio::test]
async fn events_of_one_subject_go_one_after_another_also_over_retries() {
    let (stage, subscription) = stage().await;
    for (id, subject) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("a3", "a")] {
        stage.publish(id, Some(subject)).await;
    }
    stage.expand(subscription).await;
    let first = named(&[("a1", "queued"), ("b1", "queued"), ("a2", "waiting"), ("a3", "waiting")]);
    assert_eq!(stage.deliveries(subscription), first);
    // The first fails for now: those behind it go on waiting.
    let claimed = stage.claim(NOW).await.unwrap();
    let mut commit = ended(stage.lease_of(&claimed), Effects::default());
    commit.end.status = ExecutionStatus::Failed;
    commit.end.error_kind = Some(ErrorKind::UserError);
    commit.retry =
        Some(database::Retry { available_at: UnixMillis(NOW.0 + 1), sent: None, cause: database::RetryCause::Failed });
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    assert_eq!(stage.deliveries(subscription), first);
    assert_eq!(stage.release(|| stage.queued()).await, 0);
    // b goes its own way.
    stage.run_next(None).await;
    assert_eq!(stage.deliveries(subscription)[1].1, "delivered");
    // The retry succeeds, and the second is ready; the third is not.
    let claimed = stage.claim(UnixMillis(NOW.0 + 2)).await.unwrap();
    revision_of(&stage.database.commit_execution(ended(stage.lease_of(&claimed), Effects::default())).await.unwrap());
    let after = named(&[("a1", "delivered"), ("b1", "delivered"), ("a2", "ready"), ("a3", "waiting")]);
    assert_eq!(stage.deliveries(subscription), after);
    assert_eq!(stage.release(|| stage.queued()).await, 1);
    // The second is given up, and the third goes on all the same.
    stage.run_next(Some(ErrorKind::UserError)).await;
    let after = named(&[("a1", "delivered"), ("b1", "delivered"), ("a2", "dead"), ("a3", "ready")]);
    assert_eq!(stage.deliveries(subscription), after);
}

#[tokio::test]
async fn a_full_queue_keeps_a_delivery_and_drops_none() {
    let (stage, subscription) = stage().await;
    stage.publish("a", None).await;
    stage.publish("b", None).await;
    let full = |stage: &Stage| {
        let mut queued = stage.queued();
        queued.entry.queue_limit = 1;
        queued
    };
    let expansions = stage
        .pending()
        .into_iter()
        .map(|event| expansion(event, stage.delivery(subscription, Fate::Queue(Box::new(full(&stage))))));
    let expanded = stage.database.expand_events(stage.home.tenant, expansions.collect(), NOW).await.unwrap();
    assert_eq!((expanded.events, expanded.queued, expanded.is_full), (2, 1, true));
    assert_eq!(stage.deliveries(subscription), named(&[("a", "queued"), ("b", "ready")]));
    assert_eq!(stage.release(|| full(&stage)).await, 0);
    let stage = stage.restart();
    assert_eq!(stage.database.next_tenant_with_ready_deliveries(None).unwrap(), Some(stage.home.tenant));
    stage.run_next(None).await;
    assert_eq!(stage.release(|| full(&stage)).await, 1);
    assert_eq!(stage.deliveries(subscription), named(&[("a", "delivered"), ("b", "queued")]));
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 1);
}

#[tokio::test]
async fn what_cannot_be_delivered_has_a_dead_letter_that_says_why() {
    let (stage, subscription) = stage().await;
    let cases = [
        (ErrorKind::UserError, DeadReason::Attempts),
        (ErrorKind::Timeout, DeadReason::Attempts),
        (ErrorKind::Syntax, DeadReason::Refused),
        (ErrorKind::MemoryLimit, DeadReason::Refused),
        (ErrorKind::Interrupted, DeadReason::Rescues),
    ];
    for (number, (kind, reason)) in cases.into_iter().enumerate() {
        stage.publish(&number.to_string(), None).await;
        stage.expand(subscription).await;
        stage.run_next(Some(kind)).await;
        let letters =
            stage.database.list_dead_letters(stage.home.tenant, DeadLetterFilter::default(), None, 100).unwrap();
        assert_eq!(letters.len(), number + 1);
        let letter = letters.iter().find(|letter| letter.event == Some(number.to_string())).unwrap();
        assert_eq!((letter.kind, letter.reason), (DeadLetterKind::Event, reason), "{kind}");
        assert_eq!((letter.script, letter.subscription), (Some(stage.home.script), Some(subscription)));
        assert!(letter.execution.is_some() && letter.redriven_at.is_none());
    }
}

#[tokio::test]
async fn an_event_whose_execution_was_rescued_three_times_has_one_dead_letter() {
    let (stage, subscription) = stage().await;
    stage.publish("a", None).await;
    stage.expand(subscription).await;
    for times in 0..4 {
        let now = UnixMillis(NOW.0 + times * 60_000);
        stage.claim(now).await.unwrap();
        let rescue = Rescue {
            epoch: stage.database.epoch(),
            now: UnixMillis(now.0 + 40_000),
            at_work: Vec::new(),
            endings: Vec::new(),
        };
        stage.database.rescue_executions(rescue).await.unwrap();
    }
    assert_eq!(stage.deliveries(subscription), named(&[("a", "dead")]));
    let [letter] = stage
        .database
        .list_dead_letters(stage.home.tenant, DeadLetterFilter::default(), None, 10)
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!((letter.kind, letter.reason), (DeadLetterKind::Event, DeadReason::Rescues));
}

#[tokio::test]
async fn a_cancelled_execution_lets_the_next_of_its_subject_go_on() {
    let (stage, subscription) = stage().await;
    stage.publish("a", Some("s")).await;
    stage.publish("b", Some("s")).await;
    stage.expand(subscription).await;
    let tenant = stage.home.tenant;
    let execution = stage.database.list_deliveries(tenant, subscription, None, 10).unwrap()[1].execution.unwrap();
    stage.database.cancel_waiting(tenant, execution, Vec::new(), NOW).await.unwrap();
    assert_eq!(stage.deliveries(subscription), named(&[("a", "cancelled"), ("b", "ready")]));
    assert!(stage.database.list_dead_letters(tenant, DeadLetterFilter::default(), None, 10).unwrap().is_empty());
    // Nothing can take it, whatever is tried.
    let [(ready, _)] = stage.database.ready_deliveries(tenant, 10).unwrap().try_into().unwrap();
    let fate = Fate::Dead(DeadReason::Refused);
    let refused = Release { subscription, source: ready.source, event: ready.event, fate };
    assert_eq!(stage.database.release_deliveries(tenant, vec![refused], NOW).await.unwrap().deliveries, 1);
    assert_eq!(stage.deliveries(subscription), named(&[("a", "cancelled"), ("b", "dead")]));
    let [letter] =
        stage.database.list_dead_letters(tenant, DeadLetterFilter::default(), None, 10).unwrap().try_into().unwrap();
    assert_eq!((letter.reason, letter.script), (DeadReason::Refused, Some(stage.home.script)));
}

#[tokio::test]
async fn what_is_ready_for_a_paused_subscription_stays_and_is_in_nobodys_way() {
    let (stage, paused) = stage().await;
    let tenant = stage.home.tenant;
    let other = Subscription { source: Some(String::from("/users/1")), ..subscription(&stage) };
    let other_id = other.id;
    stage.database.create_subscription(tenant, other, 100).await.unwrap();
    for id in ["a", "b", "c"] {
        stage.publish(id, None).await;
        let [event] = stage.pending().try_into().unwrap();
        let to = if id == "c" { other_id } else { paused };
        let waits = expansion(event, stage.delivery(to, Fate::Wait));
        stage.database.expand_events(tenant, vec![waits], NOW).await.unwrap();
    }
    let set = |is_active| SubscriptionChange {
        patterns: None,
        source: None,
        is_active: Some(is_active),
        max_attempts: None,
        set_by: Some(stage.home.user),
        set_at: NOW,
    };
    let ready = || {
        let found = stage.database.ready_deliveries(tenant, 1).unwrap();
        found.into_iter().map(|(delivery, _)| delivery.event).collect::<Vec<String>>()
    };
    let changed = stage.database.change_subscription(tenant, paused, set(false)).await.unwrap();
    assert_eq!((changed.is_active, changed.max_attempts, changed.patterns.len()), (false, 3, 1));
    assert_eq!(ready(), ["c"]);
    stage.database.change_subscription(tenant, paused, set(true)).await.unwrap();
    assert_eq!(ready(), ["a"]);
    assert_eq!(stage.deliveries(paused), named(&[("a", "ready"), ("b", "ready")]));
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_once_as_the_same_event() {
    let (stage, subscription) = stage().await;
    let tenant = stage.home.tenant;
    stage.publish("a", Some("s")).await;
    stage.expand(subscription).await;
    stage.run_next(Some(ErrorKind::UserError)).await;
    stage.publish("b", Some("s")).await;
    stage.expand(subscription).await;
    let [letter] =
        stage.database.list_dead_letters(tenant, DeadLetterFilter::default(), None, 10).unwrap().try_into().unwrap();
    stage.database.redrive_event(tenant, stage.redrive(letter.id)).await.unwrap();
    assert_eq!(stage.deliveries(subscription), named(&[("a", "waiting"), ("b", "queued")]));
    let again = stage.database.redrive_event(tenant, stage.redrive(letter.id)).await;
    assert!(matches!(again, Err(DatabaseError::AlreadyRedriven)), "{again:?}");
    stage.run_next(None).await;
    assert_eq!(stage.release(|| stage.queued()).await, 1);
    stage.run_next(None).await;
    assert_eq!(stage.deliveries(subscription), named(&[("a", "delivered"), ("b", "delivered")]));
    let letter = stage.database.dead_letter(tenant, letter.id).unwrap();
    assert_eq!((letter.redriven_at, letter.redriven_by), (Some(NOW), Some(stage.home.user)));
}

#[tokio::test]
async fn an_edited_event_goes_to_its_subscription_alone() {
    let (stage, subscription) = stage().await;
    let tenant = stage.home.tenant;
    stage.publish("a", None).await;
    stage.expand(subscription).await;
    stage.run_next(Some(ErrorKind::UserError)).await;
    let [letter] =
        stage.database.list_dead_letters(tenant, DeadLetterFilter::default(), None, 10).unwrap().try_into().unwrap();
    let edited = database::OutboxEvent { source: String::from("redrive"), ..event("edited") };
    let replacement =
        Replacement { event: edited, source: letter.source.clone().unwrap(), id: letter.event.clone().unwrap() };
    stage.database.redrive_edited_event(tenant, stage.redrive(letter.id), replacement, ROOM).await.unwrap();
    assert!(stage.pending().is_empty(), "nobody looks for other subscriptions");
    assert_eq!(stage.deliveries(subscription), named(&[("a", "dead"), ("edited", "ready")]));
    let [(_, stored)] = stage.database.ready_deliveries(tenant, 10).unwrap().try_into().unwrap();
    let edited = stored.unwrap().event;
    assert_eq!((edited.source.as_str(), edited.id.as_str()), ("redrive", "edited"));
}

#[tokio::test]
async fn an_execution_that_processes_ended_with_says_why_counts_and_is_told() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let mut queued = stage.queued();
    queued.entry.on_interrupt = domain::OnInterrupt::Fail;
    let execution = queued.start.execution;
    stage.accept(queued).await;
    stage.claim(NOW).await.unwrap();
    let now = UnixMillis(NOW.0 + 60_000);
    let [doomed] = database.doomed_executions(database.epoch(), now).unwrap().try_into().unwrap();
    assert_eq!((doomed.execution, doomed.kind), (execution, ErrorKind::Interrupted));
    let ending = Ending { doomed, error: Some(b"sealed".to_vec()), told: Some(event("told")) };
    let rescue = Rescue { epoch: database.epoch(), now, at_work: Vec::new(), endings: vec![ending] };
    assert_eq!(database.rescue_executions(rescue).await.unwrap().failed, 1);
    let ended = database.get_execution(tenant, execution).unwrap();
    assert_eq!((ended.execution.status, ended.error), (ExecutionStatus::Failed, Some(b"sealed".to_vec())));
    assert_eq!(database.usage_of_day(tenant, now.utc_day()).unwrap().executions, 1);
    let [told] = stage.pending().try_into().unwrap();
    assert_eq!((told.event.id.as_str(), told.execution), ("told", Some(execution)));
}

#[tokio::test]
async fn an_execution_that_a_person_had_cancelled_and_a_process_left_is_cancelled() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.publish("a", None).await;
    stage.expand(subscription).await;
    let execution = stage.claim(NOW).await.unwrap().execution;
    database.cancel_waiting(tenant, execution, Vec::new(), NOW).await.unwrap();
    let rescue =
        Rescue { epoch: database.epoch(), now: UnixMillis(NOW.0 + 60_000), at_work: Vec::new(), endings: Vec::new() };
    database.rescue_executions(rescue).await.unwrap();
    assert_eq!(stage.deliveries(subscription), named(&[("a", "cancelled")]));
    assert!(stage.letters().is_empty());
}

#[tokio::test]
async fn an_event_whose_row_cannot_be_read_is_a_dead_letter_and_those_behind_it_are_looked_at() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.publish("broken", None).await;
    stage.publish("whole", None).await;
    let file = rusqlite::Connection::open(stage.directory.path().join("skerry.db")).unwrap();
    file.execute("UPDATE outbox_events SET root_tenant_id = 'nobody' WHERE id = 'broken'", []).unwrap();
    let pending = database.pending_events(tenant, 10).unwrap();
    let [PendingEvent::Unreadable { position, source, id }, PendingEvent::Readable(whole)] = &pending[..] else {
        panic!("{pending:?}")
    };
    assert_eq!((id.as_str(), whole.event.id.as_str()), ("broken", "whole"));
    let unreadable = Expansion {
        position: *position,
        source: source.clone(),
        event: id.clone(),
        subject: None,
        root: String::new(),
        readability: Readability::Unreadable,
        counted: None,
        deliveries: Vec::new(),
    };
    assert_eq!(database.expand_events(tenant, vec![unreadable], NOW).await.unwrap().events, 1);
    assert_eq!(database.pending_events(tenant, 10).unwrap().len(), 1);
    let [letter] = stage.letters().try_into().unwrap();
    assert_eq!((letter.reason, letter.event.as_deref()), (DeadReason::Unreadable, Some("broken")));
    assert_eq!((letter.subscription, letter.event_type.as_deref()), (None, Some("order.placed")));
}

#[tokio::test]
async fn dead_letters_are_listed_by_reason_subscription_and_script_with_their_events_types() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    for (id, kind) in [("a", ErrorKind::UserError), ("b", ErrorKind::Syntax)] {
        stage.publish(id, None).await;
        stage.expand(subscription).await;
        stage.run_next(Some(kind)).await;
    }
    let listed = |filter: DeadLetterFilter| {
        let found = database.list_dead_letters(tenant, filter, None, 10).unwrap();
        assert!(found.iter().all(|letter| letter.event_type.as_deref() == Some("order.placed")));
        let mut events: Vec<String> = found.into_iter().filter_map(|letter| letter.event).collect();
        events.sort();
        events.concat()
    };
    let none = DeadLetterFilter::default();
    let (reason, script) = (Some(DeadReason::Attempts), Some(stage.home.script));
    assert_eq!(listed(none), "ab");
    assert_eq!(listed(DeadLetterFilter { reason, ..none }), "a");
    assert_eq!(listed(DeadLetterFilter { subscription: Some(subscription), ..none }), "ab");
    assert_eq!(listed(DeadLetterFilter { subscription: Some(subscription), reason, script }), "a");
    assert_eq!(listed(DeadLetterFilter { script, ..none }), "ab");
    assert_eq!(listed(DeadLetterFilter { script: Some(domain::ScriptId::generate()), ..none }), "");
    assert_eq!(listed(DeadLetterFilter { subscription: Some(SubscriptionId::generate()), ..none }), "");
    assert_eq!(listed(DeadLetterFilter { reason: Some(DeadReason::Hops), ..none }), "");
}

#[tokio::test]
async fn old_events_go_with_their_deliveries_and_what_is_needed_stays() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    for (id, kind) in [("done", None), ("dead", Some(ErrorKind::UserError))] {
        stage.publish(id, None).await;
        stage.expand(subscription).await;
        stage.run_next(kind).await;
    }
    stage.publish("queued", None).await;
    stage.expand(subscription).await;
    stage.publish("pending", None).await;
    let young = database::OutboxEvent { time: UnixMillis(NOW.0 + 10), ..event("young") };
    database.publish_event(tenant, young, ROOM).await.unwrap();
    let before = UnixMillis(NOW.0 + 1);
    assert!(database.has_old_events(tenant, before, NOW).unwrap());
    assert!(database.has_old_events(tenant, NOW, before).unwrap());
    assert!(!database.has_old_events(tenant, NOW, NOW).unwrap());
    let mut after = EventPosition::default();
    let mut deleted = 0;
    loop {
        let purged = database.purge_events(tenant, before, after, 2).await.unwrap();
        deleted += purged.deleted;
        match purged.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(deleted, 1);
    let left = database.list_events(tenant, EventPosition::default(), 10).unwrap();
    let left: Vec<&str> = left.iter().map(|stored| stored.event.id.as_str()).collect();
    assert_eq!(left, ["dead", "queued", "pending", "young"]);
    assert_eq!(stage.deliveries(subscription), named(&[("dead", "dead"), ("queued", "queued")]));
    assert_eq!(database.purge_dead_letters(tenant, before, 10).await.unwrap(), 1);
    assert_eq!(database.purge_events(tenant, before, EventPosition::default(), 10).await.unwrap().deleted, 1);
}

#[tokio::test]
async fn events_deliveries_and_dead_letters_of_another_tenant_are_not_there() {
    let (stage, subscription) = stage().await;
    let (database, home, stranger) = (&stage.database, stage.home.tenant, stage.other.tenant);
    stage.publish("a", None).await;
    let [stored] = stage.pending().try_into().unwrap();
    assert!(database.pending_events(stranger, 10).unwrap().is_empty());
    assert!(database.latest_events(stranger, None, 10).unwrap().is_empty());
    assert!(matches!(database.event_at(stranger, stored.position), Err(DatabaseError::NotFound)));
    assert_eq!(database.event(stranger, &stored.event.source, "a").unwrap(), None);
    let foreign = expansion(stored, stage.delivery(subscription, Fate::Wait));
    assert_eq!(database.expand_events(stranger, vec![foreign], NOW).await.unwrap().events, 0);
    stage.expand(subscription).await;
    stage.run_next(Some(ErrorKind::UserError)).await;
    assert!(matches!(database.subscription(stranger, subscription), Err(DatabaseError::NotFound)));
    assert!(database.list_subscriptions(stranger, None, 10).unwrap().is_empty());
    assert!(database.list_deliveries(stranger, subscription, None, 10).unwrap().is_empty());
    assert!(matches!(database.delete_subscription(stranger, subscription).await, Err(DatabaseError::NotFound)));
    let of_stranger = Subscription { script: stage.home.script, ..self::subscription(&stage) };
    let made = database.create_subscription(stranger, of_stranger, 100).await;
    assert!(matches!(made, Err(DatabaseError::NotFound)), "{made:?}");
    let [letter] = database.list_dead_letters(home, DeadLetterFilter::default(), None, 10).unwrap().try_into().unwrap();
    assert!(database.list_dead_letters(stranger, DeadLetterFilter::default(), None, 10).unwrap().is_empty());
    assert!(matches!(database.dead_letter(stranger, letter.id), Err(DatabaseError::NotFound)));
    assert!(matches!(database.delete_dead_letter(stranger, letter.id).await, Err(DatabaseError::NotFound)));
    let redriven = database.redrive_event(stranger, stage.redrive(letter.id)).await;
    assert!(matches!(redriven, Err(DatabaseError::NotFound)), "{redriven:?}");
}

#[tokio::test]
async fn a_deleted_script_takes_its_subscriptions_with_it_and_leaves_the_events() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.publish("a", None).await;
    stage.expand(subscription).await;
    let claimed = stage.claim(NOW).await.unwrap();
    let told = Some(event("told"));
    database.delete_script(tenant, stage.home.script, told).await.unwrap();
    assert!(matches!(database.subscription(tenant, subscription), Err(DatabaseError::NotFound)));
    let commit = database.commit_execution(ended(stage.lease_of(&claimed), Effects::default())).await;
    assert!(!matches!(commit, Ok(CommitResult::Committed { .. })), "{commit:?}");
    let ids: Vec<String> = stage.pending().into_iter().map(|stored| stored.event.id).collect();
    assert_eq!(ids, ["told"]);
    assert!(database.event(tenant, "/scripts/orders", "a").unwrap().is_some());
}
