//! What bounds events: a budget, the storage, what may be pending, and how many subscriptions there are.

use super::*;

#[tokio::test]
async fn a_chain_past_its_budget_leads_to_nothing_more_and_has_one_letter_with_a_count() {
    let (stage, subscription) = stage().await;
    let tenant = stage.home.tenant;
    let lineage = Lineage { hop: 2, ..Lineage::begun_by(tenant, stage.start().execution) };
    for _ in 0..BUDGET - 1 {
        stage.database.continue_lineage(lineage, NOW).await.unwrap();
    }
    let expand = async |ids: &[&str]| {
        for id in ids {
            stage.publish(id, None).await;
        }
        let expansions = stage.pending().into_iter().map(|event| {
            let delivery = stage.delivery(subscription, Fate::Queue(Box::new(stage.queued())));
            Expansion { counted: Some(lineage), root: String::from("the root"), ..expansion(event, delivery) }
        });
        stage.database.expand_events(tenant, expansions.collect(), NOW).await.unwrap();
    };
    expand(&["last", "too many", "still more"]).await;
    let after = named(&[("last", "queued"), ("too many", "dead"), ("still more", "dead")]);
    assert_eq!(stage.deliveries(subscription), after);
    let [letter] = stage.letters().try_into().unwrap();
    assert_eq!((letter.reason, letter.execution, letter.events), (DeadReason::Budget, None, 2));
    assert_eq!(letter.event.as_deref(), Some("too many"));
    // Once a person has seen to it, what comes after has another.
    stage.database.redrive_event(tenant, stage.redrive(letter.id)).await.unwrap();
    expand(&["more"]).await;
    let counts: Vec<u64> = stage.letters().iter().map(|letter| letter.events).collect();
    assert_eq!(counts.iter().sum::<u64>(), 3);
    assert_eq!(counts.len(), 2);
}

/// A chain past its budget: each of these events is given up in one letter.
async fn given_up(stage: &Stage, subscription: SubscriptionId, ids: &[&str]) -> DeadLetter {
    for id in ids {
        stage.publish(id, Some("one subject")).await;
    }
    let expansions = stage.pending().into_iter().map(|event| {
        let delivery = stage.delivery(subscription, Fate::Dead(DeadReason::Budget));
        Expansion { root: String::from("the root"), ..expansion(event, delivery) }
    });
    stage.database.expand_events(stage.home.tenant, expansions.collect(), NOW).await.unwrap();
    stage.letters().into_iter().find(|letter| letter.redriven_at.is_none()).unwrap()
}

#[tokio::test]
async fn every_event_of_a_letter_of_many_is_sent_again_in_their_order() {
    let (stage, subscription) = stage().await;
    let tenant = stage.home.tenant;
    let letter = given_up(&stage, subscription, &["a", "b", "c"]).await;
    assert_eq!(letter.events, 3);
    stage.database.redrive_event(tenant, stage.redrive(letter.id)).await.unwrap();
    assert_eq!(stage.deliveries(subscription), named(&[("a", "ready"), ("b", "waiting"), ("c", "waiting")]));
    let again = stage.database.redrive_event(tenant, stage.redrive(letter.id)).await;
    assert!(matches!(again, Err(DatabaseError::AlreadyRedriven)), "{again:?}");
    for _ in 0..3 {
        assert_eq!(stage.release(|| stage.queued()).await, 1);
        stage.run_next(None).await;
    }
    assert_eq!(stage.deliveries(subscription), named(&[("a", "delivered"), ("b", "delivered"), ("c", "delivered")]));
}

#[tokio::test]
async fn a_letter_of_many_is_edited_event_by_event_and_of_two_who_edit_one_is_told() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let letter = given_up(&stage, subscription, &["a", "b"]).await;
    let replacement = |of: &str, id: &str| Replacement {
        event: database::OutboxEvent { source: String::from("redrive"), ..event(id) },
        source: event(of).source,
        id: of.to_owned(),
    };
    let edit = async |of: &str, id: &str| {
        database.redrive_edited_event(tenant, stage.redrive(letter.id), replacement(of, id), ROOM).await
    };
    edit("a", "instead of a").await.unwrap();
    let late = edit("a", "once more").await;
    assert!(matches!(late, Err(DatabaseError::AlreadyRedriven)), "{late:?}");
    let [left] = stage.letters().try_into().unwrap();
    assert_eq!((left.events, left.event.as_deref(), left.redriven_at), (1, Some("b"), None));
    edit("b", "instead of b").await.unwrap();
    let [done] = stage.letters().try_into().unwrap();
    assert_eq!(done.redriven_at, Some(NOW));
    let statuses = [("a", "dead"), ("b", "dead"), ("instead of a", "ready"), ("instead of b", "ready")];
    assert_eq!(stage.deliveries(subscription), named(&statuses));
}

#[tokio::test]
async fn what_a_letter_of_many_stands_for_is_kept_as_long_as_the_letter() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let letter = given_up(&stage, subscription, &["a", "b"]).await;
    let purged = async || {
        let (before, after) = (UnixMillis(NOW.0 + 1), EventPosition::default());
        database.purge_events(tenant, before, after, 10).await.unwrap().deleted
    };
    assert_eq!(purged().await, 0);
    database.delete_dead_letter(tenant, letter.id).await.unwrap();
    assert_eq!(purged().await, 2);
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
}

#[tokio::test]
async fn what_a_script_publishes_past_what_may_be_pending_is_refused_as_a_whole() {
    let stage = Stage::set().await;
    let publishing = |ids: &[&str]| Effects {
        events: ids.iter().map(|id| event(id)).collect(),
        pending_events_limit: Some(3),
        ..writes([set("key", "1")])
    };
    revision_of(&stage.commit(publishing(&["a", "b"])).await);
    let refused = stage.commit(Effects { writes: vec![set("other", "1")], ..publishing(&["c", "d"]) }).await;
    assert_eq!(refused, CommitResult::EventsFull { limit: 3 });
    assert_eq!((stage.pending().len(), stage.value("other")), (2, None));
    let lease = stage.begin();
    let part = stage.part(lease, publishing(&["c", "d"]));
    assert_eq!(stage.database.commit_storage(part).await.unwrap(), CommitResult::EventsFull { limit: 3 });
    // What is told without a limit is never lost, and one that publishes nothing is none of its business.
    revision_of(&stage.commit(Effects { events: vec![event("c"), event("d")], ..Effects::default() }).await);
    revision_of(&stage.commit(publishing(&[])).await);
    assert_eq!(stage.pending().len(), 4);
}

#[tokio::test]
async fn events_deliveries_and_dead_letters_count_as_storage_until_they_are_gone() {
    let (stage, subscription) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let stored = || database.storage_bytes(tenant).unwrap();
    assert_eq!(stored(), 0);
    stage.publish("a", None).await;
    let event_bytes = stored();
    assert!(event_bytes > event("a").data.len() as u64);
    stage.expand(subscription).await;
    let row_bytes = stored() - event_bytes;
    assert!(row_bytes > 0, "a delivery counts");
    stage.run_next(Some(ErrorKind::UserError)).await;
    assert_eq!(stored(), event_bytes + 2 * row_bytes, "and so does a dead letter");
    let [letter] = stage.letters().try_into().unwrap();
    database.delete_dead_letter(tenant, letter.id).await.unwrap();
    assert_eq!(stored(), event_bytes + row_bytes);
    let after = EventPosition::default();
    assert_eq!(database.purge_events(tenant, UnixMillis(NOW.0 + 1), after, 10).await.unwrap().deleted, 1);
    assert_eq!(stored(), 0);
    for id in ["b", "c"] {
        stage.publish(id, None).await;
    }
    stage.expand(subscription).await;
    database.delete_subscription(tenant, subscription).await.unwrap();
    assert_eq!(stored(), 2 * event_bytes);
    let other = subscription_of(&stage).await;
    stage.publish("d", None).await;
    stage.expand(other).await;
    database.delete_script(tenant, stage.home.script, None).await.unwrap();
    assert_eq!(stored(), 3 * event_bytes, "a script takes its deliveries with it");
}

#[tokio::test]
async fn however_many_publish_at_once_none_goes_past_what_may_be_pending_or_stored() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let publish = async |bounds: PublishBounds, prefix: &str| {
        let mut publications = tokio::task::JoinSet::new();
        for number in 0..8 {
            let (database, event) = (database.clone(), event(&format!("{prefix}{number}")));
            publications.spawn(async move { database.publish_event(tenant, event, bounds).await });
        }
        let (mut published, mut refused) = (0, Vec::new());
        while let Some(result) = publications.join_next().await {
            match result.unwrap() {
                Ok(_) => published += 1,
                Err(DatabaseError::QuotaFull { quota, limit }) => refused.push((quota, limit)),
                Err(error) => panic!("{error}"),
            }
        }
        refused.dedup();
        (published, refused)
    };
    let few = PublishBounds { pending_events: 3, ..ROOM };
    assert_eq!(publish(few, "a").await, (3, vec![("pending_events", 3)]));
    assert_eq!(stage.pending().len(), 3);
    let room = database.storage_bytes(tenant).unwrap() / 3;
    let full = PublishBounds { storage_bytes: 5 * room, ..ROOM };
    assert_eq!(publish(full, "b").await, (2, vec![("storage_bytes", 5 * room)]));
    // An id that was published before is answered as it was, however full it is.
    let id = stage.pending()[0].event.id.clone();
    assert!(!database.publish_event(tenant, event(&id), few).await.unwrap().is_new);
}

#[tokio::test]
async fn what_a_script_publishes_past_the_storage_is_refused_and_what_skerry_tells_is_not() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let effects = |limit| Effects { events: vec![event("a")], storage_limit_bytes: limit, ..Effects::default() };
    let refused = stage.commit(effects(Some(100))).await;
    assert_eq!(refused, CommitResult::StorageFull { limit_bytes: 100 });
    assert!(stage.pending().is_empty());
    assert_eq!(database.storage_bytes(tenant).unwrap(), 0);
    // What is told of a failure has no limit.
    revision_of(&stage.commit(effects(None)).await);
    assert_eq!(stage.pending().len(), 1);
}

#[tokio::test]
async fn the_same_subscription_twice_is_refused_by_the_first_ones_id() {
    let (stage, first) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let patterns = |texts: &[&str]| texts.iter().map(|text| EventPattern::parse(text).unwrap()).collect::<Vec<_>>();
    let is_first = |error: DatabaseError, expected| match error {
        DatabaseError::SubscriptionExists { first } => first == expected,
        error => panic!("{error}"),
    };
    let again = database.create_subscription(tenant, subscription(&stage), 100).await;
    assert!(is_first(again.unwrap_err(), first));
    let other = Subscription { patterns: patterns(&["a", "b"]), ..subscription(&stage) };
    let id = other.id;
    database.create_subscription(tenant, other, 100).await.unwrap();
    let turned = Subscription { patterns: patterns(&["b", "a", "b"]), ..subscription(&stage) };
    assert!(is_first(database.create_subscription(tenant, turned, 100).await.unwrap_err(), id));
    let change = SubscriptionChange {
        patterns: Some(patterns(&["order.*"])),
        source: None,
        is_active: None,
        max_attempts: None,
        set_by: Some(stage.home.user),
        set_at: NOW,
    };
    assert!(is_first(database.change_subscription(tenant, id, change).await.unwrap_err(), first));
    assert_eq!(database.subscription(tenant, id).unwrap().patterns, patterns(&["a", "b"]));
}

#[tokio::test]
async fn a_subscription_goes_with_all_its_deliveries_and_there_are_never_more_than_allowed() {
    let (stage, id) = stage().await;
    let tenant = stage.home.tenant;
    let of_user = |user: &str| Subscription { source: Some(format!("/users/{user}")), ..subscription(&stage) };
    let second = |user| stage.database.create_subscription(tenant, of_user(user), 2);
    let (one, other) = tokio::join!(second("1"), second("2"));
    let is_refused = |made: &Result<(), DatabaseError>| matches!(made, Err(DatabaseError::QuotaFull { limit: 2, .. }));
    let too_many = [one, other].iter().filter(|made| is_refused(made)).count();
    assert_eq!(too_many, 1, "one of them is the third");
    let effects = |from: usize| Effects {
        events: (from..from + 100).map(|number| event(&number.to_string())).collect(),
        ..Effects::default()
    };
    for from in (0..700).step_by(100) {
        revision_of(&stage.commit(effects(from)).await);
        let waits = stage.pending().into_iter().map(|event| expansion(event, stage.delivery(id, Fate::Wait)));
        stage.database.expand_events(tenant, waits.collect(), NOW).await.unwrap();
    }
    assert_eq!(stage.database.list_deliveries(tenant, id, None, 1_000).unwrap().len(), 700);
    stage.database.delete_subscription(tenant, id).await.unwrap();
    assert!(stage.database.list_deliveries(tenant, id, None, 1_000).unwrap().is_empty());
    assert!(matches!(stage.database.subscription(tenant, id), Err(DatabaseError::NotFound)));
    assert!(matches!(stage.database.delete_subscription(tenant, id).await, Err(DatabaseError::NotFound)));
}
