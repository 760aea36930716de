//! What requests to an endpoint are signed with. Two secrets are live at once, so that senders can go over from one to
//! the other; a value is written, and never shown again.

use std::collections::HashMap;

use database::{Binding, DatabaseError, EndpointSecret, SecretSlot};
use domain::{AuditAction, Invalid, Permission, Principal, ScriptId, TenantId, UnixMillis, UserId};
use serde_json::json;
use zeroize::Zeroizing;

use super::{EndpointService, options::Endpoint};
use crate::{
    AppError, Inner, ScriptRef, SecretValue, SignatureScheme,
    sealing::{Purpose, TenantKey},
    signatures::SigningSecret,
};

/// What is shown of an endpoint's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSecretView {
    /// Where it is kept.
    pub slot: SecretSlot,
    /// Who set it.
    pub set_by: Option<UserId>,
    /// When it was set.
    pub set_at: UnixMillis,
}

/// A secret that was made here. Its text is shown once.
pub struct RotatedSecret {
    /// The text that senders sign with.
    pub text: Zeroizing<String>,
    /// The secrets that are live now.
    pub live: Vec<EndpointSecretView>,
}

/// A secret's text, opened.
type Opened = (SecretSlot, Zeroizing<String>);

/// The secrets of a tenant's endpoints, by script. One that does not open is none: it was changed, or belongs elsewhere.
pub(super) fn of_tenant(inner: &Inner, tenant: TenantId) -> Result<HashMap<ScriptId, Vec<Opened>>, AppError> {
    let mut by_script: HashMap<ScriptId, Vec<Opened>> = HashMap::new();
    let rows = inner.database.endpoint_secrets_of_tenant(tenant)?;
    if rows.is_empty() {
        return Ok(by_script);
    }
    let key = inner.keyring.tenant(&inner.database, tenant)?;
    let mut left: HashMap<Option<UserId>, bool> = HashMap::new();
    for row in rows {
        let has_left = match left.get(&row.set_by) {
            Some(has_left) => *has_left,
            None => *left.entry(row.set_by).or_insert(inner.has_left(tenant, row.set_by)?),
        };
        // Whoever left may still know it: it opens nothing until somebody stands for it (RULES 14).
        if has_left {
            continue;
        }
        match open(&key, &row) {
            Ok(opened) => by_script.entry(row.script).or_default().push(opened),
            Err(error) => tracing::error!(tenant.id = %tenant, script.id = %row.script, %error, "a secret is not used"),
        }
    }
    Ok(by_script)
}

/// What an endpoint's requests are verified by. A text that is none in the endpoint's scheme is left out.
pub(super) fn live(endpoint: &Endpoint, opened: Vec<Opened>) -> Vec<SigningSecret> {
    let Some(scheme) = &endpoint.options.signature else { return Vec::new() };
    opened.iter().filter_map(|(_, text)| SigningSecret::of_scheme(scheme, text).ok()).collect()
}

impl EndpointService {
    /// The secrets of a script's endpoint, without their values. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn secrets(&self, principal: &Principal, script: &ScriptRef) -> Result<Vec<EndpointSecretView>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let (script, _) = self.signed_endpoint(principal, script)?;
        self.views(principal.tenant, script)
    }

    /// Keep a secret in a slot, in place of the one there. Needs `scripts.deploy`, `secrets.write`, `endpoints.call` and every
    /// right that the script's capabilities grant, and makes the caller who set the endpoint (RULES 13).
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a text that is none in the endpoint's scheme; [`AppError::NotFound`].
    pub async fn put_secret(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        slot: SecretSlot,
        value: &SecretValue,
    ) -> Result<EndpointSecretView, AppError> {
        require_binding(principal)?;
        let (script, scheme) = self.signed_endpoint(principal, script)?;
        self.inner.require_binding(principal, script, &Binding::EndpointSecret(slot))?;
        let text = str::from_utf8(value.bytes()).map_err(|_| Invalid::new("secret", "the secret is text"))?;
        SigningSecret::of_scheme(&scheme, text)?;
        let _alone = self.rotation.lock().await;
        self.keep(principal, script, &[(slot, Zeroizing::new(text.to_owned()))]).await?;
        let mut views = self.views(principal.tenant, script)?;
        views.retain(|view| view.slot == slot);
        views.pop().ok_or(AppError::NotFound { what: "secret" })
    }

    /// Make a secret and keep it as the primary one; what was that is the secondary one from now on. Needs what
    /// [`Self::put_secret`] needs.
    ///
    /// # Errors
    /// [`AppError::Invalid`] where the service that signs makes the secret itself; [`AppError::NotFound`].
    pub async fn rotate_secret(&self, principal: &Principal, script: &ScriptRef) -> Result<RotatedSecret, AppError> {
        require_binding(principal)?;
        let (script, scheme) = self.signed_endpoint(principal, script)?;
        self.inner.require_binding(principal, script, &Binding::EndpointSecret(SecretSlot::Primary))?;
        if matches!(scheme, SignatureScheme::Stripe | SignatureScheme::Slack) {
            let message = "Stripe and Slack make the secret themselves: put theirs into a slot";
            return Err(Invalid::new("endpoint.signature", message).into());
        }
        let text = SigningSecret::generate(&scheme)?;
        let mut kept = vec![(SecretSlot::Primary, text.clone())];
        // Of two at once each finds what the other one made: a secret that was shown is live.
        let _alone = self.rotation.lock().await;
        let key = self.inner.keyring.tenant(&self.inner.database, principal.tenant)?;
        for row in self.inner.database.endpoint_secrets(principal.tenant, script)? {
            if row.slot == SecretSlot::Primary {
                kept.push((SecretSlot::Secondary, open(&key, &row)?.1));
            }
        }
        self.keep(principal, script, &kept).await?;
        Ok(RotatedSecret { text, live: self.views(principal.tenant, script)? })
    }

    /// Remove a secret: what is signed with it is refused within a second. Needs `scripts.deploy` and `secrets.write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn delete_secret(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        slot: SecretSlot,
    ) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        principal.require(Permission::SecretsWrite)?;
        let script = script.find(&self.inner.database, principal.tenant)?.summary.id;
        // Not between a rotation's look at what there is and its write, which would bring the secret back.
        let _alone = self.rotation.lock().await;
        let detail = json!({ "slot": slot.as_str() });
        let audited = self.inner.audited_with(principal, AuditAction::EndpointsDeleteSecret, script, &detail);
        let deleted = audited.delete_endpoint_secret(principal.tenant, script, slot).await;
        self.inner.routes.changed(principal.tenant);
        deleted.map_err(of_secret)
    }

    /// A script whose endpoint is signed, with its scheme.
    fn signed_endpoint(
        &self,
        principal: &Principal,
        script: &ScriptRef,
    ) -> Result<(ScriptId, SignatureScheme), AppError> {
        let script = script.find(&self.inner.database, principal.tenant)?.summary.id;
        let row = self.inner.database.endpoint(principal.tenant, script)?;
        let endpoint = row.map(Endpoint::of_row).transpose()?.ok_or(AppError::NotFound { what: "endpoint" })?;
        let message = "only an endpoint with the authentication 'hmac' has secrets: set that first";
        let scheme = endpoint.options.signature.ok_or_else(|| Invalid::new("endpoint.authentication", message))?;
        Ok((script, scheme))
    }

    async fn keep(&self, principal: &Principal, script: ScriptId, opened: &[Opened]) -> Result<(), AppError> {
        let (tenant, set_by, set_at) = (principal.tenant, principal.user(), UnixMillis::now());
        let key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
        let row = |(slot, text): &Opened| {
            let value = key.seal(Purpose::EndpointSecret, &bound_to(script, *slot), text.as_bytes());
            EndpointSecret { script, slot: *slot, set_by, set_at, value }
        };
        let slots: Vec<&str> = opened.iter().map(|(slot, _)| slot.as_str()).collect();
        let detail = json!({ "slots": slots });
        let audited = self.inner.audited_with(principal, AuditAction::EndpointsSetSecret, script, &detail);
        let kept = audited.put_endpoint_secrets(tenant, opened.iter().map(row).collect()).await;
        self.inner.routes.changed(tenant);
        kept.map_err(of_secret)
    }

    fn views(&self, tenant: TenantId, script: ScriptId) -> Result<Vec<EndpointSecretView>, AppError> {
        let rows = self.inner.database.endpoint_secrets(tenant, script)?;
        let view = |EndpointSecret { slot, set_by, set_at, .. }| EndpointSecretView { slot, set_by, set_at };
        Ok(rows.into_iter().map(view).collect())
    }
}

impl std::fmt::Debug for RotatedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RotatedSecret").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Whoever sets with what requests are signed lets its holders call the endpoint.
fn require_binding(principal: &Principal) -> Result<(), AppError> {
    let needed = [Permission::ScriptsDeploy, Permission::SecretsWrite, Permission::EndpointsCall];
    Ok(needed.into_iter().try_for_each(|permission| principal.require(permission))?)
}

fn open(key: &TenantKey, row: &EndpointSecret) -> Result<Opened, AppError> {
    let opened = key.open(Purpose::EndpointSecret, &bound_to(row.script, row.slot), &row.value);
    let text = String::from_utf8(opened.map_err(AppError::internal)?).map_err(AppError::internal)?;
    Ok((row.slot, Zeroizing::new(text)))
}

/// What a value is sealed for: it opens for no other endpoint, and in no other slot.
fn bound_to(script: ScriptId, slot: SecretSlot) -> Vec<u8> {
    [script.as_bytes().as_slice(), slot.as_str().as_bytes()].concat()
}

fn of_secret(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "secret" },
        error => error.into(),
    }
}
