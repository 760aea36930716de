//! One time that a delivery is sent: the signed request, and what its answer means.

use std::time::{Duration, Instant};

use database::{ClaimedWebhook, WebhookAttempt, WebhookDisabled, WebhookResult};
use domain::{ExecutionId, Lineage, Permission, TenantId, UnixMillis};
use runtime::{Header, HttpRedirect};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{schedule, target::Target};
use crate::{
    AppError, Inner,
    egress::{Allowance, EgressError, HostList, OutboundRequest, OutboundResponse},
    executions::member_rights,
    sealing::{Purpose, TenantKey},
    signatures::standard::Message,
};

/// How long a receiver may take to answer: it takes note, and works afterwards.
const TIME_MAX: Duration = Duration::from_secs(15);

/// After how long without a success a webhook is given up with the next delivery that is. A delivery's own attempts go
/// over three days.
const FAILING_MAX_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// How long a delivery is put off that could not be sent for a reason of this side.
const DEFERRED_MS: i64 = 60 * 1000;

/// The most bytes of an error's text.
const ERROR_BYTES_MAX: usize = 300;

/// What is sent, as Standard Webhooks has it, with what CloudEvents adds.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: String,
    data: &'a RawValue,
    id: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
}

impl Inner {
    /// On whose word webhooks of a tenant leave, by the lists as they stand.
    pub(crate) fn webhook_allowance(&self, tenant: TenantId) -> Result<Allowance, AppError> {
        let hosts = self.database.egress_hosts(tenant)?;
        Ok(Allowance::Webhook { tenant, of_tenant: hosts.map(|hosts| HostList::of(&hosts)) })
    }

    /// Send a delivery once, and write what became of it. What cannot even be tried is put off.
    pub(super) async fn send_webhook(&self, claimed: ClaimedWebhook, now: UnixMillis) {
        let (tenant, webhook, delivery) = (claimed.tenant, claimed.webhook.id, claimed.delivery.id);
        let result = match self.try_webhook(&claimed, now).await {
            Ok(result) => result,
            Err(error) => {
                tracing::warn!(tenant.id = %tenant, webhook.id = %webhook, %error, "a webhook could not be sent");
                WebhookResult::Deferred { next_at: UnixMillis(now.0 + DEFERRED_MS) }
            }
        };
        if let WebhookResult::GivenUp { disable: Some(reason), .. } | WebhookResult::Stopped(reason) = &result {
            let reason = reason.as_str();
            tracing::info!(tenant.id = %tenant, webhook.id = %webhook, reason, "a webhook is not sent to any more");
        }
        // What is not settled is sent again once its lease has run out.
        if let Err(error) = self.database.settle_webhook(claimed, result, now).await {
            tracing::warn!(tenant.id = %tenant, delivery.id = %delivery, %error, "what a webhook answered is lost");
        }
    }

    pub(super) async fn try_webhook(
        &self,
        claimed: &ClaimedWebhook,
        now: UnixMillis,
    ) -> Result<WebhookResult, AppError> {
        // Whoever set it must still be allowed to (RULES 14).
        let rights = member_rights(self, claimed.tenant, claimed.webhook.set_by)?;
        let needed = [Permission::WebhooksManage, Permission::EventsRead, Permission::EgressUse];
        if !rights.contains_all(needed.into_iter().collect()) {
            return Ok(WebhookResult::Stopped(WebhookDisabled::Rights));
        }
        let allowance = self.webhook_allowance(claimed.tenant)?;
        let sealed_key = self.database.tenant(claimed.tenant)?.sealed_key;
        // What does not open will not open the next time either: it counts, so that it comes to an end.
        let unread = |reason: &str, error: AppError| {
            tracing::error!(tenant.id = %claimed.tenant, delivery.id = %claimed.delivery.id, %error, reason, "not sent");
            let error = Some(reason.to_owned());
            let failed = WebhookAttempt { attempt: 0, sent_at: now, duration_ms: 0, status: None, error };
            Ok(again(claimed, failed, now, None))
        };
        let key = sealed_key.ok_or(AppError::NotFound { what: "tenant" });
        let key = match key.and_then(|sealed| self.keyring.tenant_key(claimed.tenant, &sealed)) {
            Ok(key) => key,
            Err(error) => return unread("the tenant's key could not be opened", error),
        };
        let request = match self.webhook_request(&key, claimed, now) {
            Ok(request) => request,
            Err(error) => return unread("what was stored of it could not be read", error),
        };
        let begun = Instant::now();
        let answer = self.egress.send(request, &allowance).await;
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(result_of(claimed, answer, duration_ms, now))
    }

    fn webhook_request(
        &self,
        key: &TenantKey,
        claimed: &ClaimedWebhook,
        now: UnixMillis,
    ) -> Result<OutboundRequest, AppError> {
        let target = Target::open(key, &claimed.webhook)?;
        let (delivery, event) = (&claimed.delivery, &claimed.event);
        let data = key.open(Purpose::Event, delivery.event.as_bytes(), &event.data).map_err(AppError::internal)?;
        let body = Body {
            event_type: &event.event_type,
            timestamp: event.time.to_rfc3339(),
            data: serde_json::from_slice(&data).map_err(AppError::internal)?,
            id: &delivery.event,
            source: &delivery.source,
            subject: event.subject.as_deref(),
        };
        let body = serde_json::to_vec(&body).map_err(AppError::internal)?;
        let id = delivery.id.to_string();
        let message = Message { id: &id, at: now, body: &body };
        let mut headers = Vec::from(message.signed(&target.secrets(now)?));
        headers.push(Header { name: String::from("content-type"), value: String::from("application/json") });
        Ok(OutboundRequest {
            method: String::from("POST"),
            url: target.url.clone(),
            headers,
            body,
            redirect: HttpRedirect::Manual,
            timeout: TIME_MAX,
            carries_secret: true,
            idempotency_key: id,
            lineage: self.keyring.seal_lineage(&lineage(claimed), now),
        })
    }
}

/// The chain that an event belongs to. What a receiver sends back goes on with it.
fn lineage(claimed: &ClaimedWebhook) -> Lineage {
    let root = claimed.event.root.parse().unwrap_or_else(|_| ExecutionId::from(claimed.delivery.id.uuid()));
    Lineage { tenant: claimed.event.root_tenant.unwrap_or(claimed.tenant), root, hop: claimed.event.hop }
}

/// What an answer means. Only 2xx says that it was taken; a redirect is followed by nobody.
fn result_of(
    claimed: &ClaimedWebhook,
    answer: Result<OutboundResponse, EgressError>,
    duration_ms: u64,
    now: UnixMillis,
) -> WebhookResult {
    let attempt = |status, error| WebhookAttempt { attempt: 0, sent_at: now, duration_ms, status, error };
    let (failed, not_before) = match answer {
        Ok(response) if (200..300).contains(&response.status) => {
            return WebhookResult::Delivered(attempt(Some(response.status), None));
        }
        Ok(response) => {
            let failed = attempt(Some(response.status), Some(reason(response.status)));
            if response.status == 410 {
                return WebhookResult::GivenUp { attempt: failed, disable: Some(WebhookDisabled::Gone) };
            }
            (failed, asked_to_wait(&response, now))
        }
        // The tenant's own rate: the receiver has not been asked.
        Err(EgressError::Quota(_)) => {
            return WebhookResult::Deferred { next_at: UnixMillis(now.0 + DEFERRED_MS) };
        }
        Err(error) => (attempt(None, Some(shortened(error.to_string()))), None),
    };
    again(claimed, failed, now, not_before)
}

/// What becomes of a delivery that failed once more: another time, or its end.
fn again(
    claimed: &ClaimedWebhook,
    failed: WebhookAttempt,
    now: UnixMillis,
    not_before: Option<UnixMillis>,
) -> WebhookResult {
    match schedule::next_at(claimed.delivery.id, claimed.round + 1, now, not_before) {
        Some(next_at) => WebhookResult::Again { attempt: failed, next_at },
        None => {
            let is_failing = claimed.webhook.failing_since.is_some_and(|since| now.0 - since.0 >= FAILING_MAX_MS);
            let disable = is_failing.then_some(WebhookDisabled::Failing);
            WebhookResult::GivenUp { attempt: failed, disable }
        }
    }
}

/// Until when a receiver that has too much to do wants to be left alone.
fn asked_to_wait(response: &OutboundResponse, now: UnixMillis) -> Option<UnixMillis> {
    let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("retry-after"));
    matches!(response.status, 429 | 503)
        .then_some(header)
        .flatten()
        .and_then(|header| schedule::retry_after(&header.value, now))
}

fn reason(status: u16) -> String {
    match status {
        300..400 => format!("it answered {status}: a redirect is not followed"),
        410 => String::from("it answered 410: it wants no more"),
        _ => format!("it answered {status}"),
    }
}

fn shortened(mut text: String) -> String {
    let end = (0..=ERROR_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}
