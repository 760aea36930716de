//! What is asked of an OpenID provider: where its parts are, its keys, and a token for a code. All of it leaves through
//! the egress policy, to hosts that the operator's list names and that are public.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use database::IdentityProvider;
use domain::{ExecutionId, IdentityProviderId, Lineage, TenantId, UnixMillis};
use moka::sync::Cache;
use runtime::{Header, HttpRedirect};
use serde::{Deserialize, de::DeserializeOwned};
use url::form_urlencoded::{Serializer, byte_serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::refused;
use crate::{
    AppError, Inner,
    egress::{Allowance, EgressError, OutboundRequest, OutboundResponse},
    jwt::{JwtError, VerifyingKeys},
};

/// How long a provider may take to answer.
const TIME_MAX: Duration = Duration::from_secs(10);

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long what a provider says of itself is kept, and how long its keys are before they are asked for again for a token
/// of a key that is not known.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);
const KEYS_MIN_AGE_MS: i64 = 30 * 1000;

/// How many providers are kept in mind.
const PROVIDERS_MAX: u64 = 1_000;

/// Of which write of a provider something is known.
type Known = (TenantId, IdentityProviderId, i64);

/// What providers say, and have said a moment ago.
pub(crate) struct Asking {
    metadata: Cache<Known, Arc<Metadata>>,
    keys: Cache<Known, Arc<KeySet>>,
}

/// Where the parts of a provider are.
pub(super) struct Metadata {
    pub(super) authorization_endpoint: String,
    /// Whether it says in each answer who it is.
    pub(super) says_issuer: bool,
    token_endpoint: String,
    jwks_uri: String,
    /// Whether a client's secret goes into the form, because the header is not taken.
    secret_in_form: bool,
}

struct KeySet {
    keys: VerifyingKeys,
    asked_at: UnixMillis,
}

/// A code, and all that proves whose it is.
pub(super) struct Exchange<'a> {
    pub(super) code: &'a str,
    pub(super) verifier: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) client_id: &'a str,
    pub(super) secret: Option<&'a [u8]>,
}

/// A discovery document (OpenID Connect Discovery, section 3), as far as it is needed.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
}

impl Asking {
    pub(crate) fn new() -> Self {
        let metadata = Cache::builder().max_capacity(PROVIDERS_MAX).time_to_live(KEPT_FOR).build();
        Self { metadata, keys: Cache::builder().max_capacity(PROVIDERS_MAX).time_to_live(KEPT_FOR).build() }
    }

    /// Where the parts of a provider are, as it says itself.
    ///
    /// # Errors
    /// [`AppError::ProviderFailed`].
    pub(super) async fn metadata(
        &self,
        inner: &Inner,
        tenant: TenantId,
        provider: &IdentityProvider,
        now: UnixMillis,
    ) -> Result<Arc<Metadata>, AppError> {
        let known = known(tenant, provider);
        if let Some(metadata) = self.metadata.get(&known) {
            return Ok(metadata);
        }
        let url = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let found: Discovery = get(inner, tenant, url, now).await?;
        if found.issuer != provider.issuer {
            return Err(failed(tenant, "it calls itself by another issuer"));
        }
        let parts = [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri];
        if !parts.iter().all(|part| part.starts_with("https://")) {
            return Err(failed(tenant, "a part of it has no https address"));
        }
        let methods = &found.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|known| known == method);
        let metadata = Arc::new(Metadata {
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            authorization_endpoint: found.authorization_endpoint,
            says_issuer: found.authorization_response_iss_parameter_supported,
            token_endpoint: found.token_endpoint,
            jwks_uri: found.jwks_uri,
        });
        self.metadata.insert(known, Arc::clone(&metadata));
        Ok(metadata)
    }

    /// The token of a code.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] where the provider does not take the code; [`AppError::ProviderFailed`].
    pub(super) async fn exchange(
        &self,
        inner: &Inner,
        tenant: TenantId,
        metadata: &Metadata,
        exchange: &Exchange<'_>,
        now: UnixMillis,
    ) -> Result<Zeroizing<String>, AppError> {
        let request = exchange.request(metadata);
        let answer = send(inner, tenant, request, now).await?;
        if answer.status != 200 {
            return Err(refused(tenant, "the provider does not take the code"));
        }
        let answer: TokenAnswer = read(tenant, &answer)?;
        Ok(Zeroizing::new(answer.id_token))
    }

    /// The claims of a token that the provider has signed. Its keys are asked for again where none of those that are known
    /// is the token's: providers change them.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`], [`AppError::ProviderFailed`].
    pub(super) async fn verified<T: DeserializeOwned>(
        &self,
        inner: &Inner,
        tenant: TenantId,
        (provider, metadata): (&IdentityProvider, &Metadata),
        token: &str,
        now: UnixMillis,
    ) -> Result<T, AppError> {
        let known = known(tenant, provider);
        let kept = self.keys.get(&known);
        let set = match &kept {
            Some(set) => Arc::clone(set),
            None => self.ask_keys(inner, known, metadata, now).await?,
        };
        let verified = match set.keys.verify(token) {
            Err(JwtError::UnknownKey) if kept.is_some() && now.0 - set.asked_at.0 >= KEYS_MIN_AGE_MS => {
                self.ask_keys(inner, known, metadata, now).await?.keys.verify(token)
            }
            verified => verified,
        };
        verified.map_err(|error| refused(tenant, &error.to_string()))
    }

    async fn ask_keys(
        &self,
        inner: &Inner,
        known: Known,
        metadata: &Metadata,
        now: UnixMillis,
    ) -> Result<Arc<KeySet>, AppError> {
        let (tenant, ..) = known;
        let text: serde_json::Value = get(inner, tenant, metadata.jwks_uri.clone(), now).await?;
        let keys = VerifyingKeys::of_jwks(&text.to_string()).map_err(|reason| failed(tenant, &reason))?;
        let set = Arc::new(KeySet { keys, asked_at: now });
        self.keys.insert(known, Arc::clone(&set));
        Ok(set)
    }
}

impl Exchange<'_> {
    fn request(&self, metadata: &Metadata) -> Request {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.verifier);
        let mut headers = vec![header("content-type", "application/x-www-form-urlencoded")];
        match self.secret {
            Some(secret) if !metadata.secret_in_form => {
                // Both are form-encoded before they are put together (RFC 6749, section 2.3.1).
                let id: String = byte_serialize(self.client_id.as_bytes()).collect();
                let secret: Zeroizing<String> = Zeroizing::new(byte_serialize(secret).collect());
                let pair = Zeroizing::new(format!("{id}:{}", *secret));
                headers.push(header("authorization", &format!("Basic {}", STANDARD.encode(pair.as_bytes()))));
            }
            Some(secret) => {
                form.append_pair("client_id", self.client_id);
                form.append_pair("client_secret", &String::from_utf8_lossy(secret));
            }
            None => {
                form.append_pair("client_id", self.client_id);
            }
        }
        Request { url: metadata.token_endpoint.clone(), headers, body: Some(form.finish()) }
    }
}

/// What is sent to a provider.
struct Request {
    url: String,
    headers: Vec<Header>,
    /// A form; `None` for a question without one.
    body: Option<String>,
}

fn known(tenant: TenantId, provider: &IdentityProvider) -> Known {
    (tenant, provider.id, provider.revision)
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

async fn get<T: DeserializeOwned>(
    inner: &Inner,
    tenant: TenantId,
    url: String,
    now: UnixMillis,
) -> Result<T, AppError> {
    let answer = send(inner, tenant, Request { url, headers: Vec::new(), body: None }, now).await?;
    if answer.status != 200 {
        return Err(failed(tenant, "it does not answer with what it says of itself"));
    }
    read(tenant, &answer)
}

async fn send(
    inner: &Inner,
    tenant: TenantId,
    request: Request,
    now: UnixMillis,
) -> Result<OutboundResponse, AppError> {
    let lineage = Lineage::begun_by(tenant, ExecutionId::generate());
    let mut headers = request.headers;
    headers.push(header("accept", "application/json"));
    let outbound = OutboundRequest {
        method: String::from(if request.body.is_some() { "POST" } else { "GET" }),
        url: request.url,
        headers,
        body: request.body.unwrap_or_default().into_bytes(),
        redirect: HttpRedirect::Error,
        timeout: TIME_MAX,
        carries_secret: true,
        idempotency_key: Uuid::now_v7().to_string(),
        lineage: inner.keyring.seal_lineage(&lineage, now),
    };
    let answer = inner.egress.send(outbound, &Allowance::Issuer { tenant }).await;
    answer.map_err(|error| match error {
        EgressError::Denied => {
            failed(tenant, "the operator's egress policy does not let it be asked, or nobody is there")
        }
        error => failed(tenant, &error.to_string()),
    })
}

fn read<T: DeserializeOwned>(tenant: TenantId, answer: &OutboundResponse) -> Result<T, AppError> {
    if answer.body.len() > ANSWER_BYTES_MAX {
        return Err(failed(tenant, "its answer is too large"));
    }
    // The error names what it read, which may be a token.
    serde_json::from_slice(&answer.body).map_err(|_| failed(tenant, "its answer is not as it has to be"))
}

/// The provider did not do its part; the operator's log has the reason.
fn failed(tenant: TenantId, reason: &str) -> AppError {
    tracing::info!(tenant.id = %tenant, reason, "an identity provider could not be asked");
    AppError::ProviderFailed
}
