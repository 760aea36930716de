//! Dead letters: what is given up, and what is sent again.

use super::*;

#[tokio::test]
async fn a_failing_script_has_its_attempts_and_then_a_dead_letter_that_can_be_sent_again() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("ship", BROKEN, &["order.placed"], 2).await;
    let published = stage.publish("order.placed", None, "7").await;
    let [delivery] = stage.settled(&subscription, 1).await.try_into().unwrap();
    assert_eq!((delivery.status, delivery.error_kind), (DeliveryStatus::Dead, Some(domain::ErrorKind::UserError)));
    let [letter] = stage.letters().try_into().unwrap();
    assert_eq!((letter.reason, letter.event.as_ref()), (DeadReason::Attempts, Some(&published.id)));
    let view = stage.app.dead_letters().get(&stage.principal, letter.id).unwrap();
    let execution = view.execution.unwrap();
    assert_eq!((execution.execution.attempt, execution.error.unwrap().message), (2, String::from("broken")));
    assert_eq!(view.event.unwrap().data.as_deref(), Some("7"));

    stage.replace("ship", ECHO).await;
    stage.app.dead_letters().redrive(&stage.principal, letter.id).await.unwrap();
    let is_delivered = |found: &Vec<Delivery>| found[0].status == DeliveryStatus::Delivered;
    let [again] = stage.until(|| Some(stage.deliveries(&subscription)).filter(is_delivered)).await.try_into().unwrap();
    assert_eq!((&again.event, stage.answer(&again)["data"].clone()), (&published.id, 7.into()));
    assert_ne!(again.execution, delivery.execution);
    let twice = stage.app.dead_letters().redrive(&stage.principal, letter.id).await;
    assert!(matches!(twice, Err(AppError::AlreadyRedriven)), "{twice:?}");
    stage.app.dead_letters().delete(&stage.principal, letter.id).await.unwrap();
    assert!(stage.letters().is_empty());
}

#[tokio::test]
async fn an_edited_dead_letter_is_a_new_event_of_a_source_of_its_own() {
    let stage = Stage::set().await;
    let source = "export default (event) => { if (event.data === null) throw new Error('no data'); return event }";
    let subscription = stage.subscribe("ship", source, &["order.placed"], 1).await;
    let other = stage.subscribe("count", ECHO, &["order.placed"], 1).await;
    let published = stage.publish("order.placed", Some("o-1"), "null").await;
    stage.settled(&subscription, 1).await;
    stage.settled(&other, 1).await;
    let [letter] = stage.letters().try_into().unwrap();
    let edit = EventEdit { data: Some(String::from("5")), subject: Some(None) };
    let letters = stage.app.dead_letters();
    let refused = letters.redrive_edited(&stage.without(Permission::EventsEdit), letter.id, edit.clone()).await;
    assert!(lacks(refused, Permission::EventsEdit));
    let broken = EventEdit { data: Some(String::from("{")), subject: None };
    assert!(matches!(letters.redrive_edited(&stage.principal, letter.id, broken).await, Err(AppError::Invalid(_))));
    let id = letters.redrive_edited(&stage.principal, letter.id, edit).await.unwrap();
    let [_, edited] = stage.settled(&subscription, 2).await.try_into().unwrap();
    assert_eq!((&edited.source, &edited.event), (&String::from("redrive"), &id));
    assert_ne!(id, published.id);
    let given = stage.answer(&edited);
    assert_eq!((&given["data"], &given["subject"]), (&5.into(), &serde_json::Value::Null));
    assert_eq!(stage.deliveries(&other).len(), 1, "whoever took the event is not given the edited one");
}

#[tokio::test]
async fn what_is_sent_again_to_a_paused_script_or_subscription_waits_until_it_is_resumed() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("ship", BROKEN, &["order.placed"], 1).await;
    let letters = stage.app.dead_letters();
    let pause = |is_active| SettingsInput { is_active: Some(is_active), ..SettingsInput::default() };
    let set = |is_active| SubscriptionPatch { is_active: Some(is_active), ..SubscriptionPatch::default() };
    let status = || stage.deliveries(&subscription)[0].status;
    stage.publish("order.placed", Some("o-1"), "1").await;
    stage.settled(&subscription, 1).await;
    let [letter] = stage.letters().try_into().unwrap();
    stage.app.scripts().update_settings(&stage.principal, &named("ship"), pause(false)).await.unwrap();
    letters.redrive(&stage.principal, letter.id).await.unwrap();
    stage.round().await;
    assert_eq!(status(), DeliveryStatus::Ready);
    stage.app.subscriptions().change(&stage.principal, subscription.id, set(false)).await.unwrap();
    stage.app.scripts().update_settings(&stage.principal, &named("ship"), pause(true)).await.unwrap();
    stage.round().await;
    assert_eq!(status(), DeliveryStatus::Ready);
    stage.app.subscriptions().change(&stage.principal, subscription.id, set(true)).await.unwrap();
    stage.until(|| Some(stage.letters()).filter(|letters| letters.len() == 2)).await;
}

#[tokio::test]
async fn an_event_that_is_sent_again_as_it_was_goes_on_with_its_chain() {
    let stage = Stage::set().await;
    let source = "export default (event) => events.publish('second', 1)";
    stage.subscribe("first", source, &["first"], 1).await;
    let subscription = stage.subscribe("second", BROKEN, &["second"], 1).await;
    stage.publish("first", None, "1").await;
    stage.settled(&subscription, 1).await;
    let [letter] = stage.letters().try_into().unwrap();
    let chain = |execution| {
        let database = &stage.app.inner.database;
        database.execution_lineage(stage.principal.tenant, execution).unwrap().unwrap()
    };
    let before = chain(letter.execution.unwrap());
    assert_eq!(before.hop, 2);
    stage.app.dead_letters().redrive(&stage.principal, letter.id).await.unwrap();
    let letters = stage.until(|| Some(stage.letters()).filter(|letters| letters.len() == 2)).await;
    let again = letters.iter().find(|again| again.id != letter.id).unwrap();
    assert_ne!(again.execution, letter.execution);
    assert_eq!(chain(again.execution.unwrap()), before);
}

#[tokio::test]
async fn whoever_sends_an_event_again_lends_no_rights_to_a_subscription_that_nobody_set() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.app.inner.database, stage.principal.tenant);
    let subscription = stage.subscribe("ship", BROKEN, &["order.placed"], 1).await;
    stage.publish("order.placed", None, "1").await;
    stage.settled(&subscription, 1).await;
    let [letter] = stage.letters().try_into().unwrap();
    let nobody = |set_by| SubscriptionChange {
        patterns: None,
        source: None,
        is_active: None,
        max_attempts: None,
        set_by,
        set_at: UnixMillis::now(),
    };
    database.change_subscription(tenant, subscription.id, nobody(None)).await.unwrap();
    let letters = stage.app.dead_letters();
    let refused = letters.redrive(&stage.principal, letter.id).await;
    assert!(matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.field == "subscription"), "{refused:?}");
    // Nor where the binding is lost in between.
    let pause = SubscriptionPatch { is_active: Some(false), ..SubscriptionPatch::default() };
    stage.app.subscriptions().change(&stage.principal, subscription.id, pause).await.unwrap();
    letters.redrive(&stage.principal, letter.id).await.unwrap();
    let resume = SubscriptionChange { is_active: Some(true), ..nobody(None) };
    database.change_subscription(tenant, subscription.id, resume).await.unwrap();
    stage.app.inner.events.wake();
    let found = stage.until(|| Some(stage.letters()).filter(|letters| letters.len() == 2)).await;
    let refused = found.iter().find(|found| found.id != letter.id).unwrap();
    assert_eq!((refused.reason, refused.execution), (DeadReason::Refused, None));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_given_up_and_those_behind_it_go_on() {
    let stage = Stage::set().await;
    let subscription = stage.subscribe("echo", ECHO, &["order.*"], 1).await;
    let tenant = stage.principal.tenant;
    let bounds = stage.app.inner.publish_bounds(tenant).unwrap();
    let broken = OutboxEvent {
        id: String::from("broken"),
        event_type: String::from("order.placed"),
        source: String::from("/users/1"),
        subject: None,
        data: b"nothing that was sealed".to_vec(),
        time: UnixMillis::now(),
        hop: 0,
        root: ExecutionId::generate().to_string(),
        root_tenant: None,
        published_by: None,
    };
    stage.app.inner.database.publish_event(tenant, broken, bounds).await.unwrap();
    stage.publish("order.placed", None, "2").await;
    let deliveries = stage.settled(&subscription, 2).await;
    assert_eq!(statuses(&deliveries), [DeliveryStatus::Dead, DeliveryStatus::Delivered]);
    let [letter] = stage.letters().try_into().unwrap();
    assert_eq!((letter.reason, letter.event.as_deref()), (DeadReason::Unreadable, Some("broken")));
}
