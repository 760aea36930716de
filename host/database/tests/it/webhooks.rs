//! Webhooks in their rows: what they weigh, and that a damaged one is nobody else's harm.

use database::{DatabaseError, DeadLetterFilter, DeadReason, Expansion, PublishBounds, Readability, WebhookChange};
use domain::{EventPattern, UnixMillis, WebhookId};

use crate::stage::{NOW, Stage, event};

const ROOM: PublishBounds = PublishBounds { storage_bytes: 1 << 30, pending_events: 10_000 };

async fn webhook(stage: &Stage) -> WebhookId {
    let id = WebhookId::generate();
    let change = WebhookChange {
        id,
        expected_revision: None,
        description: String::new(),
        patterns: vec![EventPattern::parse("order.*").unwrap()],
        source: None,
        is_active: true,
        set_by: Some(stage.home.user),
        set_at: NOW,
        target: b"sealed".to_vec(),
    };
    stage.database.put_webhook(stage.home.tenant, change, 100).await.unwrap();
    id
}

/// Publish events, and look for who asks for them.
async fn publish(stage: &Stage, ids: &[String]) {
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let mut expansions = Vec::new();
    for id in ids {
        let published = database.publish_event(tenant, event(id), ROOM).await.unwrap();
        expansions.push(Expansion {
            position: published.position,
            source: event(id).source,
            event: id.clone(),
            subject: None,
            root: String::new(),
            readability: Readability::Readable,
            counted: None,
            deliveries: Vec::new(),
        });
    }
    assert_eq!(database.expand_events(tenant, expansions, NOW).await.unwrap().events, ids.len());
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("event {number}")).collect()
}

fn stored(stage: &Stage) -> u64 {
    stage.database.storage_bytes(stage.home.tenant).unwrap()
}

#[tokio::test]
async fn a_delivery_of_a_webhook_counts_as_storage_until_it_is_gone() {
    let stage = Stage::set().await;
    publish(&stage, &numbered(0..1)).await;
    let of_event = stored(&stage);
    let id = webhook(&stage).await;
    webhook(&stage).await;
    publish(&stage, &numbered(1..2)).await;
    let row = (stored(&stage) - 2 * of_event) / 2;
    assert!(row > 0, "each of the two has a delivery");
    // More of them than go in one write.
    publish(&stage, &numbered(2..1_202)).await;
    assert_eq!(stored(&stage), 1_202 * of_event + 2 * 1_201 * row);
    stage.database.delete_webhook(stage.home.tenant, id).await.unwrap();
    assert_eq!(stored(&stage), 1_202 * of_event + 1_201 * row);
    let again = stage.database.delete_webhook(stage.home.tenant, id).await;
    assert!(matches!(again, Err(DatabaseError::NotFound)), "{again:?}");
}

#[tokio::test]
async fn a_webhook_whose_row_cannot_be_read_is_stopped_and_the_tenants_events_go_on() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let (broken, whole) = (webhook(&stage).await, webhook(&stage).await);
    publish(&stage, &numbered(0..1)).await;
    stage.tamper("UPDATE webhooks SET patterns = 'no JSON' WHERE id = ?1", &broken.to_string());
    assert_eq!(database.webhook_patterns(tenant).unwrap().len(), 1);
    publish(&stage, &numbered(1..2)).await;
    let deliveries = |id| database.list_webhook_deliveries(tenant, id, None, 10).unwrap().len();
    assert_eq!((deliveries(broken), deliveries(whole)), (1, 2));
    let listed: Vec<WebhookId> = database.list_webhooks(tenant, None, 1).unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed, [whole], "it takes no place of a page");
    let claimed = database.claim_webhooks(tenant, (NOW, UnixMillis(NOW.0 + 1_000)), 10).await.unwrap();
    assert!(claimed.iter().all(|claimed| claimed.webhook.id == whole) && claimed.len() == 2, "{claimed:?}");
}

#[tokio::test]
async fn a_delivery_whose_event_cannot_be_read_is_given_up_and_those_behind_it_are_sent() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    webhook(&stage).await;
    publish(&stage, &numbered(0..2)).await;
    stage.tamper("UPDATE outbox_events SET root_tenant_id = 'nobody' WHERE id = ?1", "event 0");
    let claimed = database.claim_webhooks(tenant, (NOW, UnixMillis(NOW.0 + 1_000)), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|claimed| claimed.delivery.event.as_str()).collect::<Vec<_>>(), ["event 1"]);
    let filter = DeadLetterFilter { reason: Some(DeadReason::Unreadable), ..DeadLetterFilter::default() };
    let [letter] = database.list_dead_letters(tenant, filter, None, 10).unwrap().try_into().unwrap();
    assert_eq!(letter.event.as_deref(), Some("event 0"));
}
