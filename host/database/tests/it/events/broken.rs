//! Events whose subscriptions are damaged or nobody's: they are in nobody else's way.

use database::Subscription;
use domain::SubscriptionId;

use super::{Fate, NOW, event, expansion, named, stage, subscription};

#[tokio::test]
async fn a_subscription_whose_row_cannot_be_read_is_paused_and_the_others_go_on() {
    let (stage, broken) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let other = Subscription { source: Some(event("").source), ..subscription(&stage) };
    let whole = other.id;
    database.create_subscription(tenant, other, 100).await.unwrap();
    stage.tamper("UPDATE subscriptions SET patterns = 'no JSON' WHERE id = ?1", &broken.to_string());
    let (active, is_any_unreadable) = database.active_subscriptions(tenant).unwrap();
    assert_eq!((active.iter().map(|found| found.id).collect::<Vec<_>>(), is_any_unreadable), (vec![whole], true));
    assert_eq!(database.stop_unreadable_subscriptions(tenant).await.unwrap(), [broken.to_string()]);
    assert!(database.stop_unreadable_subscriptions(tenant).await.unwrap().is_empty(), "once is enough");
    assert!(!database.active_subscriptions(tenant).unwrap().1);
    let listed: Vec<SubscriptionId> =
        database.list_subscriptions(tenant, None, 1).unwrap().into_iter().map(|found| found.id).collect();
    assert_eq!(listed, [whole], "it takes no place of a page");
    stage.publish("a", None).await;
    stage.expand(whole).await;
    stage.run_next(None).await;
    assert_eq!(stage.deliveries(whole), named(&[("a", "delivered")]));
    database.delete_subscription(tenant, broken).await.unwrap();
}

#[tokio::test]
async fn what_is_ready_for_a_subscription_whose_setter_left_is_in_nobodys_way() {
    let (stage, orphaned) = stage().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let adopted = Subscription { set_by: None, source: Some(event("").source), ..subscription(&stage) };
    let other = adopted.id;
    database.create_subscription(tenant, adopted, 100).await.unwrap();
    for (id, subscription) in [("a", orphaned), ("b", other)] {
        stage.publish(id, None).await;
        let waits = stage.pending().into_iter().map(|event| expansion(event, stage.delivery(subscription, Fate::Wait)));
        database.expand_events(tenant, waits.collect(), NOW).await.unwrap();
    }
    let first = || database.ready_deliveries(tenant, 1).unwrap().pop().map(|(delivery, _)| delivery.event);
    assert_eq!(first().as_deref(), Some("a"));
    let left =
        database::Membership { status: database::MembershipStatus::Removed, ..crate::stage::member(stage.home.user) };
    database.put_membership(tenant, left).await.unwrap();
    assert_eq!(first().as_deref(), Some("b"));
}
