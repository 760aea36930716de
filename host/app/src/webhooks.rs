//! Webhooks: a tenant's events, sent to addresses outside that the tenant names, and signed (SPEC section 4.3).
//!
//! Which events go where is decided in the write that looks for an event's subscriptions (`database/webhooks`). From
//! there a delivery is sent by [`worker`], again and again by [`schedule`], until it is taken or given up. What a webhook
//! is made of is sealed ([`target`]).

mod records;
mod schedule;
mod sending;
mod target;
#[cfg(test)]
mod tests;
mod worker;

use std::{fmt, sync::Arc, time::Duration};

use database::{DatabaseError, Webhook, WebhookChange, WebhookCursor, WebhookTest};
use domain::{
    AuditAction, EventId, Permission, Principal, UnixMillis, WebhookDeliveryId, WebhookId, events::OWN_SOURCE,
};
use serde_json::json;

pub use database::{WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus, WebhookDisabled};
pub use records::{WebhookInput, WebhookPatch, WebhookView};
use target::Target;
pub(crate) use worker::{Webhooks, start};

use crate::{AppError, Inner, sealing::Purpose};

/// The most webhooks of a tenant: each event is compared with all of them.
const WEBHOOKS_MAX: u32 = 100;

/// The type of what [`WebhookService::test`] sends.
const TEST_TYPE: &str = "skerry.webhook.test";

/// The most items of one page.
const PAGE_MAX: u32 = 1_000;

/// Makes, changes and shows webhooks, and what was sent to each.
#[derive(Clone)]
pub struct WebhookService {
    inner: Arc<Inner>,
}

/// A webhook with a secret that was just made. This is the only time that the secret is there in full.
pub struct IssuedWebhook {
    /// The webhook.
    pub view: WebhookView,
    /// `whsec_` and the base64 of 32 bytes.
    pub secret: String,
}

impl fmt::Debug for WebhookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedWebhook").field("view", &self.view).finish_non_exhaustive()
    }
}

impl WebhookService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// A page of the tenant's webhooks, the oldest first, behind `after`. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<WebhookView>, AppError> {
        principal.require(Permission::WebhooksManage)?;
        let webhooks = self.inner.database.list_webhooks(principal.tenant, after, limit.min(PAGE_MAX))?;
        webhooks.into_iter().map(|webhook| self.view(principal, webhook)).collect()
    }

    /// One webhook. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub fn get(&self, principal: &Principal, id: WebhookId) -> Result<WebhookView, AppError> {
        principal.require(Permission::WebhooksManage)?;
        let webhook = self.find(principal, id)?;
        self.view(principal, webhook)
    }

    /// Make a webhook, with a secret that is answered this one time. Needs `webhooks.manage`,
    /// `events.read` and `egress.use`.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names the field; [`AppError::Quota`] when the tenant has as many as it may.
    pub async fn create(&self, principal: &Principal, input: WebhookInput) -> Result<IssuedWebhook, AppError> {
        require_setting(principal)?;
        let record = records::checked(&input)?;
        self.check_url(principal, &record.url)?;
        let (target, secret) = Target::new(record.url.clone())?;
        let (id, now) = (WebhookId::generate(), UnixMillis::now());
        let change = WebhookChange {
            id,
            expected_revision: None,
            description: record.description,
            patterns: record.patterns,
            source: record.source,
            is_active: record.is_active,
            set_by: principal.user(),
            set_at: now,
            target: self.seal(principal, id, &target)?,
        };
        self.put(principal, AuditAction::WebhooksCreate, change).await?;
        Ok(IssuedWebhook { view: self.get(principal, id)?, secret: secret.to_string() })
    }

    /// Change a webhook. One that Skerry stopped goes on when it is made active. Needs what [`Self::create`] does.
    ///
    /// # Errors
    /// [`AppError::Stale`] when its revision is not the expected one; else as [`Self::create`].
    pub async fn change(
        &self,
        principal: &Principal,
        id: WebhookId,
        expected_revision: Option<i64>,
        patch: WebhookPatch,
    ) -> Result<WebhookView, AppError> {
        require_setting(principal)?;
        let webhook = self.find(principal, id)?;
        let mut target = self.open(principal, &webhook)?;
        let input = patch.over(&webhook, &target.url);
        let record = records::checked(&input)?;
        if record.url != target.url {
            self.check_url(principal, &record.url)?;
            target.url = record.url;
        }
        let change = WebhookChange {
            id,
            expected_revision: Some(expected_revision.unwrap_or(webhook.revision)),
            description: record.description,
            patterns: record.patterns,
            source: record.source,
            is_active: record.is_active,
            set_by: principal.user(),
            set_at: UnixMillis::now(),
            target: self.seal(principal, id, &target)?,
        };
        self.put(principal, AuditAction::WebhooksUpdate, change).await?;
        self.get(principal, id)
    }

    /// Remove a webhook, its deliveries too. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub async fn delete(&self, principal: &Principal, id: WebhookId) -> Result<(), AppError> {
        principal.require(Permission::WebhooksManage)?;
        let audited = self.inner.audited(principal, AuditAction::WebhooksDelete, id);
        audited.delete_webhook(principal.tenant, id).await.map_err(no_webhook)?;
        self.inner.events.changed(principal.tenant);
        Ok(())
    }

    /// Make a new secret, which is answered this one time. For a day everything is signed with the one before too. Needs
    /// what [`Self::create`] does.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub async fn rotate(&self, principal: &Principal, id: WebhookId) -> Result<IssuedWebhook, AppError> {
        require_setting(principal)?;
        let webhook = self.find(principal, id)?;
        let now = UnixMillis::now();
        let mut target = self.open(principal, &webhook)?;
        let secret = target.rotate(now)?;
        let change = WebhookChange {
            id,
            expected_revision: Some(webhook.revision),
            description: webhook.description,
            patterns: webhook.patterns,
            source: webhook.source,
            is_active: webhook.is_active,
            set_by: principal.user(),
            set_at: now,
            target: self.seal(principal, id, &target)?,
        };
        self.put(principal, AuditAction::WebhooksRotate, change).await?;
        Ok(IssuedWebhook { view: self.get(principal, id)?, secret: secret.to_string() })
    }

    /// Send a webhook an event of its own, which goes nowhere else. It is delivered like any other. Needs
    /// `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`]; [`AppError::Invalid`] for one that is not active.
    pub async fn test(&self, principal: &Principal, id: WebhookId) -> Result<WebhookDelivery, AppError> {
        principal.require(Permission::WebhooksManage)?;
        let webhook = self.find(principal, id)?;
        if !webhook.is_active {
            return Err(domain::Invalid::new("is_active", "nothing is sent to a webhook that is not active").into());
        }
        let (delivery, event) = (WebhookDeliveryId::generate(), EventId::generate().to_string());
        let data = json!({ "webhook": { "id": id.to_string() } }).to_string();
        let key = self.inner.keyring.tenant(&self.inner.database, principal.tenant)?;
        let test = WebhookTest {
            webhook: id,
            delivery,
            source: OWN_SOURCE.to_owned(),
            data: key.seal(Purpose::Event, event.as_bytes(), data.as_bytes()),
            event,
            event_type: TEST_TYPE.to_owned(),
            now: UnixMillis::now(),
        };
        let audited = self.inner.audited(principal, AuditAction::WebhooksTest, id);
        audited.test_webhook(principal.tenant, test).await.map_err(no_webhook)?;
        self.inner.webhooks.wake();
        self.delivery(principal, id, delivery)
    }

    /// A page of a webhook's deliveries, the latest first, behind `after`. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub fn deliveries(
        &self,
        principal: &Principal,
        id: WebhookId,
        after: Option<WebhookCursor>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, AppError> {
        principal.require(Permission::WebhooksManage)?;
        self.find(principal, id)?;
        Ok(self.inner.database.list_webhook_deliveries(principal.tenant, id, after, limit.min(PAGE_MAX))?)
    }

    /// One delivery. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub fn delivery(
        &self,
        principal: &Principal,
        id: WebhookId,
        delivery: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, AppError> {
        principal.require(Permission::WebhooksManage)?;
        self.inner.database.webhook_delivery(principal.tenant, id, delivery).map_err(no_delivery)
    }

    /// Every time that a delivery was sent. Needs `webhooks.manage`.
    ///
    /// # Errors
    /// As [`Self::delivery`].
    pub fn attempts(
        &self,
        principal: &Principal,
        id: WebhookId,
        delivery: WebhookDeliveryId,
    ) -> Result<Vec<WebhookAttempt>, AppError> {
        self.delivery(principal, id, delivery)?;
        Ok(self.inner.database.webhook_attempts(principal.tenant, delivery)?)
    }

    /// Send a delivery again, now and if need be as often as a new one, under the id that its receiver knows. Needs
    /// `webhooks.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`].
    pub async fn resend(
        &self,
        principal: &Principal,
        id: WebhookId,
        delivery: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, AppError> {
        principal.require(Permission::WebhooksManage)?;
        let detail = json!({ "delivery": delivery.to_string() });
        let audited = self.inner.audited_with(principal, AuditAction::WebhooksResend, id, &detail);
        let resent = audited.resend_webhook(principal.tenant, id, delivery, UnixMillis::now()).await;
        resent.map_err(no_delivery)?;
        self.inner.webhooks.wake();
        self.delivery(principal, id, delivery)
    }

    fn find(&self, principal: &Principal, id: WebhookId) -> Result<Webhook, AppError> {
        self.inner.database.webhook(principal.tenant, id).map_err(no_webhook)
    }

    async fn put(&self, principal: &Principal, action: AuditAction, change: WebhookChange) -> Result<(), AppError> {
        let put =
            self.inner.audited(principal, action, change.id).put_webhook(principal.tenant, change, WEBHOOKS_MAX).await;
        put.map_err(no_webhook)?;
        self.inner.events.changed(principal.tenant);
        self.inner.webhooks.wake();
        Ok(())
    }

    /// A webhook is for somebody: its host has to be one that requests could leave for, as the lists stand now.
    fn check_url(&self, principal: &Principal, url: &str) -> Result<(), AppError> {
        let allowance = self.inner.webhook_allowance(principal.tenant)?;
        let refused = |error: crate::egress::EgressError| domain::Invalid::new("url", error.to_string());
        self.inner.egress.check(url, &allowance).map_err(|error| refused(error).into())
    }

    fn seal(&self, principal: &Principal, id: WebhookId, target: &Target) -> Result<Vec<u8>, AppError> {
        let key = self.inner.keyring.tenant(&self.inner.database, principal.tenant)?;
        target.seal(&key, id)
    }

    fn open(&self, principal: &Principal, webhook: &Webhook) -> Result<Target, AppError> {
        let key = self.inner.keyring.tenant(&self.inner.database, principal.tenant)?;
        Target::open(&key, webhook)
    }

    fn view(&self, principal: &Principal, webhook: Webhook) -> Result<WebhookView, AppError> {
        let target = self.open(principal, &webhook)?;
        Ok(WebhookView {
            url: target.url.clone(),
            previous_secret_until: target.previous_until(UnixMillis::now()),
            webhook,
        })
    }
}

/// Whoever says where a tenant's events go may manage webhooks, see events, and send requests.
fn require_setting(principal: &Principal) -> Result<(), AppError> {
    principal.require(Permission::WebhooksManage)?;
    // Nobody has told what he may not see himself (RULES 18).
    principal.require(Permission::EventsRead)?;
    principal.require(Permission::EgressUse)?;
    Ok(())
}

fn no_webhook(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "webhook" },
        DatabaseError::QueueFull { limit } => {
            AppError::Quota { quota: "webhooks", limit, retry_after: Duration::from_secs(60 * 60) }
        }
        error => error.into(),
    }
}

fn no_delivery(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "delivery" },
        error => error.into(),
    }
}
