//! Signing in by a tenant's OpenID provider: the authorization code flow with PKCE, state and nonce, each bound to the
//! browser that began (OpenID Connect Core; RFC 7636, 9207, 9700).
//!
//! A sign-in belongs to one provider from its beginning, so that no answer of another one finishes it (mix-up), and it is
//! taken once. Everything is asked through the egress policy.

mod asking;
#[cfg(test)]
mod tests;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use database::{IdentityProvider, OpenIdAttempt, SignInMethod, TenantStatus};
use domain::{IdentityProviderId, RoleName, TenantId, TenantSlug, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{
    SignInService, Visitor,
    identities::{Vouched, refused},
};
use crate::{
    AppError, IssuedSession,
    executions::member_rights,
    jwt::{Audience, is_current},
    presented::{self, Presented},
    sealing::Purpose,
};

pub(crate) use asking::Asking;

/// Where providers send people back to.
pub const OPENID_PATH: &str = "/api/v1/sign-in/openid/callback";

/// How long somebody may take at the provider.
const ATTEMPT_LIFE_MS: i64 = 10 * 60 * 1000;

/// The most bytes of a code, and of where somebody wants to go.
const CODE_BYTES_MAX: usize = 4 << 10;
const RETURN_BYTES_MAX: usize = 500;

/// How old a provider's token may be, in seconds: it was made a moment ago.
const TOKEN_AGE_S_MAX: i64 = 10 * 60;

/// A sign-in that goes to its provider now.
pub struct OpenIdStart {
    /// Where the browser goes.
    pub url: String,
    /// What it keeps until it comes back.
    pub browser: String,
}

/// A browser that came back.
pub struct OpenIdReturn<'a> {
    /// What it was sent with.
    pub state: &'a str,
    /// What the provider gave it.
    pub code: &'a str,
    /// Who says to have sent it, where the provider says so (RFC 9207).
    pub issuer: Option<&'a str>,
    /// What it has kept.
    pub browser: &'a str,
}

impl std::fmt::Debug for OpenIdStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenIdStart(…)")
    }
}

impl std::fmt::Debug for OpenIdReturn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenIdReturn(…)")
    }
}

/// What is kept of an attempt, sealed.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct Kept {
    nonce: String,
    verifier: String,
    redirect_uri: String,
    return_to: String,
}

/// What a provider's token says, but for its groups.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    sub: String,
    nonce: String,
    iat: i64,
    exp: i64,
    name: Option<String>,
    email: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl SignInService {
    /// Begin to sign in by a provider. `origin` is the address by which the browser calls this deployment, and `return_to`
    /// the page there that it wants to see.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where the tenant has no such provider, or there is no such tenant; [`AppError::Invalid`];
    /// [`AppError::ProviderFailed`].
    pub async fn begin_openid(
        &self,
        (tenant, provider): (&TenantSlug, IdentityProviderId),
        (origin, return_to): (&str, &str),
        now: UnixMillis,
    ) -> Result<OpenIdStart, AppError> {
        check_return(return_to)?;
        let missing = || AppError::NotFound { what: "identity provider" };
        let tenant = self.inner.database.tenant_by_slug(tenant)?;
        let tenant = tenant.filter(|tenant| tenant.status == TenantStatus::Active).ok_or_else(missing)?.id;
        let provider = self.inner.database.provider(tenant, provider);
        let provider = provider.map_err(|error| AppError::missing("identity provider", error))?;
        // Whoever set it and left lets nobody in: it waits until somebody else sets it (RULES 14).
        if !provider.is_active || self.inner.has_left(tenant, provider.set_by)? {
            return Err(missing());
        }
        let metadata = self.inner.openid.metadata(&self.inner, tenant, &provider, now).await?;
        let state = Presented::generate(presented::OPENID_STATE, tenant.uuid())?;
        let browser = Presented::generate(presented::OPENID_BROWSER, tenant.uuid())?;
        let kept = Kept {
            nonce: random_text()?,
            verifier: random_text()?,
            redirect_uri: format!("{origin}{OPENID_PATH}"),
            return_to: return_to.to_owned(),
        };
        let mut url = Url::parse(&metadata.authorization_endpoint).map_err(AppError::internal)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &kept.redirect_uri)
            .append_pair("scope", "openid profile email")
            .append_pair("state", &state.to_text())
            .append_pair("nonce", &kept.nonce)
            .append_pair("code_challenge", &challenge(&kept.verifier))
            .append_pair("code_challenge_method", "S256");
        let attempt = self.attempt(tenant, provider.id, (&state, &browser), &kept, now)?;
        self.inner.database.begin_openid(tenant, attempt, now).await?;
        Ok(OpenIdStart { url: url.into(), browser: browser.to_text() })
    }

    /// Finish to sign in by a provider. Answers the session, and the page that the browser wanted to see.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`], whatever the reason, which the operator's log has; [`AppError::ProviderFailed`].
    pub async fn finish_openid(
        &self,
        returned: OpenIdReturn<'_>,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<(IssuedSession, String), AppError> {
        let state = Presented::parse(presented::OPENID_STATE, returned.state).ok_or(AppError::SignInFailed)?;
        let tenant = TenantId::from(state.id());
        let attempt = self.inner.database.openid_attempt(tenant, state.hash())?;
        let browser = Presented::parse(presented::OPENID_BROWSER, returned.browser);
        let is_own = match (&attempt, &browser) {
            (Some(attempt), Some(browser)) => browser.is_of(Some(&attempt.browser_hash)),
            _ => false,
        };
        let attempt = attempt.filter(|attempt| is_own && now < attempt.expires_at);
        let attempt = attempt.ok_or_else(|| refused(tenant, "the browser did not begin it, or it has ended"))?;
        // Whatever comes of it: it is taken once.
        let taken = self.inner.database.take_openid(tenant, attempt.id).await;
        taken.map_err(|_| refused(tenant, "it was finished before"))?;
        let provider = self.inner.database.provider(tenant, attempt.provider);
        let provider = provider.map_err(|_| refused(tenant, "the provider was removed"))?;
        let key = self.inner.keyring.tenant(&self.inner.database, tenant).map_err(|_| AppError::SignInFailed)?;
        let kept = key.open(Purpose::OpenId, &attempt.id, &attempt.secrets).map_err(AppError::internal)?;
        let kept: Kept = serde_json::from_slice(&kept).map_err(AppError::internal)?;
        if !provider.is_active || returned.code.is_empty() || returned.code.len() > CODE_BYTES_MAX {
            return Err(refused(tenant, "the provider is switched off, or gave no code"));
        }
        let vouched = self.ask(tenant, &provider, (&returned, &kept), now).await?;
        let session = self.admit(vouched, visitor, now).await?;
        Ok((session, kept.return_to.clone()))
    }

    fn attempt(
        &self,
        tenant: TenantId,
        provider: IdentityProviderId,
        (state, browser): (&Presented, &Presented),
        kept: &Kept,
        now: UnixMillis,
    ) -> Result<OpenIdAttempt, AppError> {
        let key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
        let (id, plain) = (state.hash(), serde_json::to_vec(kept).map_err(AppError::internal)?);
        let secrets = key.seal(Purpose::OpenId, &id, &plain);
        let expires_at = UnixMillis(now.0.saturating_add(ATTEMPT_LIFE_MS));
        Ok(OpenIdAttempt { id, provider, browser_hash: browser.hash().to_vec(), secrets, expires_at })
    }

    /// Give the provider its code, and hear whom it means.
    async fn ask(
        &self,
        tenant: TenantId,
        provider: &IdentityProvider,
        (returned, kept): (&OpenIdReturn<'_>, &Kept),
        now: UnixMillis,
    ) -> Result<Vouched, AppError> {
        let openid = &self.inner.openid;
        let metadata = openid.metadata(&self.inner, tenant, provider, now).await?;
        let is_silent = returned.issuer.is_none();
        if returned.issuer.is_some_and(|issuer| issuer != provider.issuer) || (is_silent && metadata.says_issuer) {
            return Err(refused(tenant, "the answer is of another provider"));
        }
        let secret = match &provider.client_secret {
            Some(sealed) => {
                let key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
                Some(key.open(Purpose::ClientSecret, provider.id.as_bytes(), sealed).map_err(AppError::internal)?)
            }
            None => None,
        };
        let exchange = asking::Exchange {
            code: returned.code,
            verifier: &kept.verifier,
            redirect_uri: &kept.redirect_uri,
            client_id: &provider.client_id,
            secret: secret.as_deref(),
        };
        let token = openid.exchange(&self.inner, tenant, &metadata, &exchange, now).await?;
        let claims: Claims = openid.verified(&self.inner, tenant, (provider, &metadata), &token, now).await?;
        check_claims(&claims, provider, &kept.nonce, now).map_err(|reason| refused(tenant, reason))?;
        let role = role_of(&claims, provider).ok_or_else(|| refused(tenant, "no group gives a role"))?;
        // What the provider gives is at most what whoever set it holds now.
        let within = member_rights(&self.inner, tenant, provider.set_by)?;
        let Claims { iss: issuer, sub: subject, name, email, .. } = claims;
        let method = SignInMethod::OpenId;
        Ok(Vouched { tenant, method, issuer, subject, name, email, role, within, token: None })
    }
}

/// See that a token is this provider's, for us, of this sign-in, and of now (OpenID Connect Core, section 3.1.3.7).
fn check_claims(
    claims: &Claims,
    provider: &IdentityProvider,
    nonce: &str,
    now: UnixMillis,
) -> Result<(), &'static str> {
    if claims.iss != provider.issuer {
        return Err("the token is of another issuer");
    }
    let is_ours = match &claims.azp {
        Some(azp) => *azp == provider.client_id,
        None => !claims.aud.is_shared(),
    };
    if !claims.aud.contains(&provider.client_id) || !is_ours {
        return Err("the token is for somebody else");
    }
    let is_fresh = claims.iat >= now.0.div_euclid(1000).saturating_sub(TOKEN_AGE_S_MAX);
    if !is_current(claims.iat, claims.exp, now) || !is_fresh {
        return Err("the token has ended, or is not of now");
    }
    if !bool::from(claims.nonce.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err("the token is of another sign-in");
    }
    Ok(())
}

/// The role that the first rule with one of the person's groups gives.
fn role_of(claims: &Claims, provider: &IdentityProvider) -> Option<RoleName> {
    let groups: Vec<&str> = match provider.group_claim.as_ref().and_then(|claim| claims.others.get(claim)) {
        Some(Value::String(group)) => vec![group],
        Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let rule = provider.rules.iter().find(|rule| groups.contains(&rule.group.as_str()));
    rule.map(|rule| rule.role.clone()).or_else(|| provider.default_role.clone())
}

/// A page of ours: what a browser could read as another host's is none.
fn check_return(path: &str) -> Result<(), domain::Invalid> {
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= RETURN_BYTES_MAX
        && path.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\');
    if is_own {
        return Ok(());
    }
    Err(domain::Invalid::new("return_to", "write the path of a page of this server, as /scripts"))
}

/// 256 random bits, as text.
fn random_text() -> Result<String, AppError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(AppError::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the provider is told of a verifier (RFC 7636, section 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}
