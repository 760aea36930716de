//! Webhooks to a receiver over a network that a test owns, at times that it owns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod receiver;

use std::{collections::VecDeque, sync::Arc};

use database::{NewTenant, WebhookDeliveryStatus, WebhookSettled};
use domain::{Permission, Permissions, Principal, TenantId, UnixMillis};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::{App, AppConfig, EgressConfig, HostPattern, PrivateHost};
use receiver::{Asked, Receiver};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

struct Stage {
    app: App,
    principal: Principal,
    receiver: Arc<Receiver>,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A tenant whose operator lets it reach the receiver. Nothing is sent but when a test says so.
    async fn with(adjust: impl FnOnce(&mut EgressConfig)) -> Self {
        let receiver = Receiver::new();
        let mut egress = EgressConfig {
            hosts: vec![HostPattern::ANY],
            ca_file: Some(receiver.authority().to_owned()),
            requests_per_minute: 10_000,
            ..EgressConfig::default()
        };
        adjust(&mut egress);
        let network = Arc::clone(&receiver) as Arc<dyn crate::Network>;
        let app = App::open_offline(AppConfig { egress, network, ..AppConfig::in_memory() }).unwrap();
        let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, principal, receiver }
    }

    async fn webhook(&self, url: &str) -> IssuedWebhook {
        self.app.webhooks().create(&self.principal, input(url)).await.unwrap()
    }

    /// A delivery of a test event.
    async fn delivery(&self, webhook: &IssuedWebhook) -> WebhookDelivery {
        self.app.webhooks().test(&self.principal, webhook.view.webhook.id).await.unwrap()
    }

    async fn send_due(&self, now: UnixMillis) -> usize {
        self.app.inner.send_due_webhooks(now).await.unwrap()
    }

    fn now_of(&self, delivery: &WebhookDelivery) -> WebhookDelivery {
        self.app.webhooks().delivery(&self.principal, delivery.webhook, delivery.id).unwrap()
    }

    /// Send a delivery until it ends; answers the times.
    async fn until_ended(&self, delivery: &WebhookDelivery) -> Vec<i64> {
        let mut times = Vec::new();
        loop {
            let found = self.now_of(delivery);
            if found.completed_at.is_some() {
                return times;
            }
            assert_eq!(self.send_due(UnixMillis(found.next_at.0 - 1)).await, 0, "not before its time");
            assert_eq!(self.send_due(found.next_at).await, 1);
            times.push(found.next_at.0);
        }
    }
}

fn input(url: &str) -> WebhookInput {
    WebhookInput {
        url: url.to_owned(),
        types: vec![String::from("order.*")],
        source: None,
        description: String::new(),
        is_active: true,
    }
}

/// Whether the project's own library of the standard takes a request as signed with `secret`. It reads the clock itself.
fn is_signed(asked: &Asked, secret: &str) -> bool {
    let mut headers = HeaderMap::new();
    for (name, value) in &asked.headers {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    standardwebhooks::Webhook::new(secret).unwrap().verify(&asked.body, &headers).is_ok()
}

#[tokio::test]
async fn an_event_is_sent_signed_by_the_standard_with_what_it_is() {
    let stage = Stage::new().await;
    let issued = stage.webhook("https://hooks.test/a?b=c").await;
    let delivery = stage.delivery(&issued).await;
    assert_eq!(stage.send_due(delivery.created_at).await, 1);
    let asked = stage.receiver.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/a?b=c"));
    assert!(is_signed(&asked[0], &issued.secret));
    assert_eq!(asked[0].header("webhook-id"), delivery.id.to_string());
    assert_eq!(asked[0].header("content-type"), "application/json");
    assert!(asked[0].header("skerry-lineage").len() > 60);
    let body: serde_json::Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!((&body["type"], &body["source"]), (&"skerry.webhook.test".into(), &"skerry".into()));
    assert_eq!((&body["id"], &body["subject"]), (&delivery.event.into(), &serde_json::Value::Null));
    assert_eq!(body["data"]["webhook"]["id"], issued.view.webhook.id.to_string());
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    let found =
        stage.now_of(&stage.app.webhooks().deliveries(&stage.principal, issued.view.webhook.id, None, 10).unwrap()[0]);
    assert_eq!((found.status, found.attempts), (WebhookDeliveryStatus::Delivered, 1));
    let attempts = stage.app.webhooks().attempts(&stage.principal, found.webhook, found.id).unwrap();
    assert_eq!((attempts[0].attempt, attempts[0].status, &attempts[0].error), (1, Some(200), &None));
}

#[tokio::test]
async fn after_a_rotation_two_secrets_are_live_for_a_day() {
    let stage = Stage::new().await;
    let first = stage.webhook("https://hooks.test/").await;
    let second = stage.app.webhooks().rotate(&stage.principal, first.view.webhook.id).await.unwrap();
    assert_ne!(first.secret, second.secret);
    assert!(second.view.previous_secret_until.is_some());
    stage.delivery(&first).await;
    stage.send_due(UnixMillis::now()).await;
    let asked = stage.receiver.asked();
    assert!(is_signed(&asked[0], &first.secret) && is_signed(&asked[0], &second.secret));
    assert_eq!(asked[0].header("webhook-signature").split(' ').count(), 2);
    let delivery = stage.delivery(&first).await;
    stage.send_due(UnixMillis(delivery.created_at.0 + 2 * DAY_MS)).await;
    assert_eq!(stage.receiver.asked()[1].header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn what_fails_is_sent_ten_times_over_three_days_under_one_id_and_is_then_a_dead_letter() {
    let stage = Stage::new().await;
    stage.receiver.answers("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 10);
    let issued = stage.webhook("https://hooks.test/").await;
    let delivery = stage.delivery(&issued).await;
    let times = stage.until_ended(&delivery).await;
    assert_eq!(times.len(), 10);
    let pauses: Vec<i64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
    for (pause, least) in pauses.iter().zip([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]) {
        assert!((least..=least * 11 / 10).contains(pause), "{pauses:?}");
    }
    let asked = stage.receiver.asked();
    assert!(asked.iter().all(|asked| asked.header("webhook-id") == delivery.id.to_string()));
    let found = stage.now_of(&delivery);
    assert_eq!((found.status, found.attempts), (WebhookDeliveryStatus::Failed, 10));
    let webhook = stage.app.webhooks().get(&stage.principal, issued.view.webhook.id).unwrap().webhook;
    assert_eq!((webhook.is_active, webhook.disabled), (false, Some(WebhookDisabled::Failing)));

    let letters =
        stage.app.dead_letters().list(&stage.principal, database::DeadLetterFilter::default(), None, 10).unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].event.as_deref(), Some(delivery.event.as_str()));
    stage.app.dead_letters().redrive(&stage.principal, letters[0].id).await.unwrap();
    let active = WebhookPatch { is_active: Some(true), ..WebhookPatch::default() };
    stage.app.webhooks().change(&stage.principal, delivery.webhook, None, active).await.unwrap();
    assert_eq!(stage.until_ended(&delivery).await.len(), 1);
    assert_eq!(stage.now_of(&delivery).status, WebhookDeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_published_event_goes_to_every_active_webhook_that_asks_for_it() {
    let stage = Stage::new().await;
    let webhooks = stage.app.webhooks();
    let of = async |types: &[&str], source: Option<&str>, path: &str| {
        let types = types.iter().map(|text| (*text).to_owned()).collect();
        let url = format!("https://hooks.test/{path}");
        let input = WebhookInput { types, source: source.map(str::to_owned), ..input(&url) };
        webhooks.create(&stage.principal, input).await.unwrap()
    };
    of(&["order.*"], None, "below").await;
    of(&["order.created", "*"], None, "once").await;
    of(&["invoice.*"], None, "other").await;
    of(&["*"], Some("script:none"), "source").await;
    let paused = of(&["*"], None, "paused").await;
    let patch = WebhookPatch { is_active: Some(false), ..WebhookPatch::default() };
    webhooks.change(&stage.principal, paused.view.webhook.id, None, patch).await.unwrap();
    let event = crate::EventInput {
        event_type: String::from("order.created"),
        data: String::from(r#"{"total":1.50}"#),
        subject: Some(String::from("order/7")),
        id: None,
    };
    stage.app.events().publish(&stage.principal, event).await.unwrap();
    for _ in 0..2 {
        stage.app.inner.dispatch_events(UnixMillis::now()).await.unwrap();
        stage.send_due(UnixMillis::now()).await;
    }
    let asked = stage.receiver.asked();
    let mut paths: Vec<_> = asked.iter().map(|asked| asked.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/below", "/once"]);
    let body = String::from_utf8(asked[0].body.clone()).unwrap();
    assert!(body.contains(r#""data":{"total":1.50}"#) && body.contains(r#""subject":"order/7""#), "{body}");
    assert_ne!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));
}

#[tokio::test]
async fn a_webhook_of_somebody_without_rights_is_stopped_until_somebody_with_rights_starts_it() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let (database, tenant) = (&stage.app.inner.database, stage.principal.tenant);
    let user = stage.principal.user().unwrap();
    let allow = async |permissions| {
        let (status, created_at) = (database::MembershipStatus::Active, UnixMillis::now());
        let membership = database::Membership { user, permissions, status, created_at };
        database.put_membership(tenant, membership).await.unwrap();
    };
    allow(Permissions::all().without([Permission::EgressUse].into_iter().collect())).await;
    stage.send_due(delivery.created_at).await;
    assert!(stage.receiver.asked().is_empty());
    let webhook = database.webhook(tenant, delivery.webhook).unwrap();
    assert_eq!((webhook.is_active, webhook.disabled), (false, Some(WebhookDisabled::Rights)));
    assert_eq!(stage.send_due(UnixMillis(delivery.created_at.0 + DAY_MS)).await, 0, "it is asked about once");
    allow(Permissions::all()).await;
    let active = WebhookPatch { is_active: Some(true), ..WebhookPatch::default() };
    stage.app.webhooks().change(&stage.principal, delivery.webhook, None, active).await.unwrap();
    assert_eq!(stage.until_ended(&delivery).await.len(), 1);
    assert_eq!(stage.now_of(&delivery).attempts, 1);
}

#[tokio::test]
async fn only_2xx_is_success_and_a_redirect_is_none() {
    let stage = Stage::new().await;
    let redirect = "HTTP/1.1 302 Found\r\nlocation: https://other.test/\r\ncontent-length: 0\r\n\r\n";
    stage.receiver.answers(redirect, 1);
    stage.receiver.answers("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 1);
    stage.receiver.answers("no HTTP at all", 1);
    stage.receiver.answers("HTTP/1.1 202 Accepted\r\ncontent-length: 99999999\r\n\r\nnever whole", 1);
    let issued = stage.webhook("https://hooks.test/").await;
    let delivery = stage.delivery(&issued).await;
    assert_eq!(stage.until_ended(&delivery).await.len(), 4);
    assert_eq!(stage.receiver.hosts(), ["hooks.test"; 4]);
    let attempts = stage.app.webhooks().attempts(&stage.principal, delivery.webhook, delivery.id).unwrap();
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(302), Some(404), None, Some(202)]);
    assert!(attempts[0].error.as_deref().unwrap().contains("redirect"));
    assert!(attempts[3].error.is_none());
    let webhook = stage.app.webhooks().get(&stage.principal, issued.view.webhook.id).unwrap().webhook;
    assert_eq!(webhook.failing_since, None);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_sent_nothing_more() {
    let stage = Stage::new().await;
    stage.receiver.answers("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 1);
    stage.receiver.answers("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", 1);
    let issued = stage.webhook("https://hooks.test/").await;
    let other = stage.delivery(&issued).await;
    assert_eq!(stage.send_due(other.created_at).await, 1);
    let delivery = stage.delivery(&issued).await;
    assert_eq!(stage.send_due(delivery.created_at).await, 1);
    assert_eq!(stage.now_of(&delivery).status, WebhookDeliveryStatus::Failed);
    let webhook = stage.app.webhooks().get(&stage.principal, delivery.webhook).unwrap().webhook;
    assert_eq!((webhook.is_active, webhook.disabled), (false, Some(WebhookDisabled::Gone)));
    assert_eq!(stage.send_due(UnixMillis(other.created_at.0 + DAY_MS)).await, 0, "what waits goes on waiting");
    let active = WebhookPatch { is_active: Some(true), ..WebhookPatch::default() };
    let view = stage.app.webhooks().change(&stage.principal, delivery.webhook, None, active).await.unwrap();
    assert_eq!((view.webhook.disabled, view.webhook.failing_since), (None, None));
    assert_eq!(stage.send_due(UnixMillis(other.created_at.0 + DAY_MS)).await, 1);
}

#[tokio::test]
async fn a_receiver_that_has_too_much_to_do_says_when_it_is_asked_again() {
    let stage = Stage::new().await;
    stage.receiver.answers("HTTP/1.1 429 Slow\r\nretry-after: 1000\r\ncontent-length: 0\r\n\r\n", 1);
    stage.receiver.answers("HTTP/1.1 503 Busy\r\nretry-after: 4000\r\ncontent-length: 0\r\n\r\n", 1);
    stage.receiver.answers("HTTP/1.1 500 No\r\nretry-after: 9000\r\ncontent-length: 0\r\n\r\n", 1);
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let times = stage.until_ended(&delivery).await;
    assert_eq!((times[1] - times[0], times[2] - times[1]), (1_000_000, 4_000_000));
    assert!((1_800_000..=1_980_000).contains(&(times[3] - times[2])), "another status asks for nothing");
}

#[tokio::test]
async fn what_a_crash_cut_off_between_sending_and_writing_is_sent_again_under_the_same_id() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let (tenant, now) = (stage.principal.tenant, delivery.created_at);
    let lease = |now: UnixMillis| (now, UnixMillis(now.0 + 60_000));
    let cut = stage.app.inner.database.claim_webhooks(tenant, lease(now), 8).await.unwrap().remove(0);
    let late = stage.app.inner.database.claim_webhooks(tenant, lease(now), 8).await.unwrap();
    assert!(late.is_empty(), "while it is somebody's, it is nobody else's");
    assert_eq!(stage.send_due(UnixMillis(now.0 + 60_000)).await, 1);
    assert_eq!(stage.receiver.asked()[0].header("webhook-id"), delivery.id.to_string());
    let attempt = WebhookAttempt { attempt: 0, sent_at: now, duration_ms: 1, status: Some(500), error: None };
    let next_at = UnixMillis(now.0 + 90_000);
    let again = database::WebhookResult::Again { attempt, next_at };
    let settled = stage.app.inner.database.settle_webhook(cut, again, next_at).await.unwrap();
    assert_eq!(settled, WebhookSettled::Lost, "an old lease writes nothing");
    assert_eq!(stage.now_of(&delivery).status, WebhookDeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_delivery_that_was_given_up_is_sent_again_when_a_person_says_so() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    assert_eq!(stage.until_ended(&delivery).await.len(), 1);
    let again = stage.app.webhooks().resend(&stage.principal, delivery.webhook, delivery.id).await.unwrap();
    assert_eq!((again.status, again.completed_at), (WebhookDeliveryStatus::Pending, None));
    assert_eq!(stage.send_due(again.next_at).await, 1);
    let asked = stage.receiver.asked();
    assert_eq!(asked[0].header("webhook-id"), asked[1].header("webhook-id"));
    assert_eq!(asked[0].body, asked[1].body);
    let attempts = stage.app.webhooks().attempts(&stage.principal, delivery.webhook, delivery.id).unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.attempt).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn no_exception_for_a_private_address_is_a_webhooks() {
    let private =
        PrivateHost { host: String::from("private.test"), addresses: "10.0.0.0/8".parse().unwrap(), port: 443 };
    let stage = Stage::with(|egress| egress.private = vec![private]).await;
    let delivery = stage.delivery(&stage.webhook("https://private.test/").await).await;
    stage.send_due(delivery.created_at).await;
    assert!(stage.receiver.asked().is_empty() && stage.receiver.hosts().is_empty());
    let attempts = stage.app.webhooks().attempts(&stage.principal, delivery.webhook, delivery.id).unwrap();
    assert_eq!(attempts[0].error.as_deref(), Some(crate::egress::EgressError::Denied.to_string().as_str()));
}

#[tokio::test]
async fn an_address_that_the_lists_do_not_name_is_refused_when_it_is_set() {
    let stage = Stage::with(|egress| egress.hosts = vec!["hooks.test".parse().unwrap()]).await;
    let webhooks = stage.app.webhooks();
    for url in [
        "https://other.test/",
        "https://127.0.0.1/",
        "https://localhost/",
        "http://hooks.test/",
        "https://hooks.test:8443/",
    ] {
        let refused = webhooks.create(&stage.principal, input(url)).await.err();
        assert!(matches!(&refused, Some(AppError::Invalid(invalid)) if invalid.field == "url"), "{url}: {refused:?}");
    }
    stage.webhook("https://hooks.test/").await;
    let none = Some(Vec::new());
    stage.app.egress().set(&stage.principal, none).await.unwrap();
    assert!(
        webhooks.create(&stage.principal, input("https://hooks.test/")).await.is_err(),
        "the tenant's list counts too"
    );
}

#[tokio::test]
async fn webhooks_need_their_permission_and_are_nobody_elses() {
    let stage = Stage::new().await;
    let issued = stage.webhook("https://hooks.test/").await;
    let id = issued.view.webhook.id;
    let webhooks = stage.app.webhooks();
    let without = Permissions::all().without([Permission::WebhooksManage].into_iter().collect());
    let other = Principal { permissions: without, ..stage.principal.clone() };
    assert!(matches!(webhooks.get(&other, id), Err(AppError::Forbidden(_))));
    assert!(matches!(webhooks.create(&other, input("https://hooks.test/")).await, Err(AppError::Forbidden(_))));
    let stranger = Principal { tenant: another_tenant(&stage).await, ..stage.principal.clone() };
    assert!(matches!(webhooks.get(&stranger, id), Err(AppError::NotFound { .. })));
    assert!(matches!(webhooks.delete(&stranger, id).await, Err(AppError::NotFound { .. })));
    assert!(webhooks.list(&stranger, None, 10).unwrap().is_empty());
    let stale = webhooks.change(&stage.principal, id, Some(-1), WebhookPatch::default()).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })));
    webhooks.delete(&stage.principal, id).await.unwrap();
    assert!(matches!(webhooks.get(&stage.principal, id), Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn a_tenant_takes_turns_and_has_only_so_many_at_once() {
    let stage = Stage::new().await;
    let mut webhooks = Vec::new();
    for path in 0..5 {
        webhooks.push(stage.webhook(&format!("https://hooks.test/{path}")).await);
    }
    let mut last = stage.delivery(&webhooks[0]).await;
    for round in 0..20 {
        last = stage.delivery(&webhooks[round % webhooks.len()]).await;
    }
    let (inner, tenant) = (&stage.app.inner, stage.principal.tenant);
    let mut held = Vec::new();
    let mut turns = VecDeque::new();
    loop {
        let taken = inner.take_webhooks(tenant, last.created_at).await.unwrap();
        if taken.is_empty() {
            break;
        }
        turns.push_back(taken.len());
        held.extend(taken);
    }
    assert_eq!(turns, [2, 2, 2, 2], "eight at once, two at a turn");
    drop(held);
    assert_eq!(inner.take_webhooks(tenant, last.created_at).await.unwrap().len(), 2);
}

#[tokio::test]
async fn deliveries_are_kept_for_thirty_days() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    stage.send_due(delivery.created_at).await;
    let purge = async |days: i64| {
        let now = UnixMillis(delivery.created_at.0 + days * DAY_MS);
        stage.app.inner.purge_webhook_deliveries(stage.principal.tenant, now).await.unwrap();
        stage.app.webhooks().delivery(&stage.principal, delivery.webhook, delivery.id).is_ok()
    };
    assert!(purge(29).await);
    assert!(!purge(31).await);
}

#[tokio::test]
async fn a_slow_webhook_holds_up_no_other_one() {
    let stage = Stage::new().await;
    let slow = stage.webhook("https://hooks.test/slow").await;
    for _ in 0..10 {
        stage.delivery(&slow).await;
    }
    let quick = stage.delivery(&stage.webhook("https://hooks.test/quick").await).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        stage.app.inner.take_turns(|| quick.created_at, |claimed, slot| held.push((claimed, slot))).await.unwrap();
    }
    let to: Vec<_> = held.iter().map(|(claimed, _)| claimed.webhook.id).collect();
    let slow = slow.view.webhook.id;
    assert_eq!(to, [slow, slow, quick.webhook], "two on their way to each at most");
}

#[tokio::test]
async fn what_is_known_of_a_webhook_too_late_changes_nothing() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let (database, tenant, now) = (&stage.app.inner.database, stage.principal.tenant, delivery.created_at);
    let lease = (now, UnixMillis(now.0 + 60_000));
    let claimed = database.claim_webhooks(tenant, lease, 8).await.unwrap().remove(0);
    let mended = WebhookPatch { url: Some(String::from("https://other.test/")), ..WebhookPatch::default() };
    stage.app.webhooks().change(&stage.principal, delivery.webhook, None, mended).await.unwrap();
    let attempt = WebhookAttempt { attempt: 0, sent_at: now, duration_ms: 1, status: Some(410), error: None };
    let gone = database::WebhookResult::GivenUp { attempt, disable: Some(WebhookDisabled::Gone) };
    assert_eq!(database.settle_webhook(claimed, gone, now).await.unwrap(), WebhookSettled::Settled);
    assert!(database.webhook(tenant, delivery.webhook).unwrap().is_active);
    // What it answered for is not given up either: it is for the address that stands there now.
    assert_eq!(stage.send_due(now).await, 1);
    assert_eq!(stage.receiver.hosts(), ["other.test"]);
    assert_eq!(stage.now_of(&delivery).status, WebhookDeliveryStatus::Delivered);
}

#[tokio::test]
async fn webhooks_that_take_nothing_leave_half_of_the_places_to_the_others() {
    let stage = Stage::new().await;
    stage.receiver.answers("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 4);
    let mut dead = Vec::new();
    for path in 0..4 {
        let webhook = stage.webhook(&format!("https://hooks.test/{path}")).await;
        let failed = stage.delivery(&webhook).await;
        assert_eq!(stage.send_due(failed.created_at).await, 1);
        dead.push(webhook);
    }
    for _ in 0..2 {
        for webhook in &dead {
            stage.delivery(webhook).await;
        }
    }
    let alive = stage.webhook("https://hooks.test/alive").await;
    stage.delivery(&alive).await;
    let last = stage.delivery(&alive).await;
    let mut held = Vec::new();
    loop {
        let taken = stage.app.inner.take_webhooks(stage.principal.tenant, last.created_at).await.unwrap();
        if taken.is_empty() {
            break;
        }
        held.extend(taken);
    }
    let to: Vec<_> = held.iter().map(|(claimed, _)| claimed.webhook.id == last.webhook).collect();
    assert_eq!(to, [false, false, false, false, true, true]);
}

#[tokio::test]
async fn what_a_tenants_key_does_not_open_counts_as_an_attempt_and_says_why() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let (inner, now) = (&stage.app.inner, delivery.created_at);
    let lease = (now, UnixMillis(now.0 + 60_000));
    let claimed = inner.database.claim_webhooks(stage.principal.tenant, lease, 8).await.unwrap().remove(0);
    // A tenant whose key is another one's.
    let tenant = TenantId::generate();
    let sealed_key = inner.keyring.wrap_new(TenantId::generate()).unwrap();
    let (slug, name) = (domain::TenantSlug::parse("locked").unwrap(), String::from("Locked"));
    let row = NewTenant { id: tenant, slug, name, sealed_key, limits: None, created_at: now };
    inner.database.create_tenant(row).await.unwrap();
    let (user, permissions) = (stage.principal.user().unwrap(), Permissions::all());
    let status = database::MembershipStatus::Active;
    let membership = database::Membership { user, permissions, status, created_at: now };
    inner.database.put_membership(tenant, membership).await.unwrap();
    let claimed = |round| database::ClaimedWebhook { tenant, round, ..claimed.clone() };
    let again = inner.try_webhook(&claimed(0), now).await.unwrap();
    let database::WebhookResult::Again { attempt, .. } = again else { panic!("{again:?}") };
    assert_eq!(attempt.error.as_deref(), Some("the tenant's key could not be opened"));
    let last = inner.try_webhook(&claimed(9), now).await.unwrap();
    assert!(matches!(last, database::WebhookResult::GivenUp { .. }), "{last:?}");
    assert!(stage.receiver.asked().is_empty());
}

#[tokio::test]
async fn what_a_receiver_sends_back_goes_on_with_the_events_chain() {
    let stage = Stage::new().await;
    let delivery = stage.delivery(&stage.webhook("https://hooks.test/").await).await;
    let (inner, now) = (&stage.app.inner, delivery.created_at);
    let lease = (now, UnixMillis(now.0 + 60_000));
    let claimed = inner.database.claim_webhooks(stage.principal.tenant, lease, 8).await.unwrap().remove(0);
    let (root, hop) = (claimed.event.root.clone(), claimed.event.hop);
    inner.send_webhook(claimed, now).await;
    let header = stage.receiver.asked()[0].header("skerry-lineage").to_owned();
    let chain = stage.app.continue_chain(&header).await.unwrap().unwrap();
    assert_eq!((chain.0.root.to_string(), chain.0.hop), (root, hop + 1));
    assert_eq!(chain.0.tenant, stage.principal.tenant);
}

async fn another_tenant(stage: &Stage) -> TenantId {
    let id = TenantId::generate();
    let slug = domain::TenantSlug::parse("other").unwrap();
    let (database, keyring) = (&stage.app.inner.database, &stage.app.inner.keyring);
    let tenant = NewTenant {
        id,
        slug,
        name: String::from("Other"),
        sealed_key: keyring.wrap_new(id).unwrap(),
        limits: None,
        created_at: UnixMillis::now(),
    };
    database.create_tenant(tenant).await.unwrap();
    id
}
