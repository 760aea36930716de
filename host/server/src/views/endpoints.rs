//! Where an endpoint script answers, who may call it, and how it takes requests.

use app::{
    BODY_BYTES_MAX, Cors, Endpoint, EndpointInput, EndpointMode, EndpointOptions, EndpointRate, EndpointSecretView,
    GenericSignature, RotatedSecret, SecretValue, SignatureEncoding, SignatureHash, SignatureScheme,
};
use domain::{EndpointRoute, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    secrets::Text,
    words::{AuthenticationWord, SecretSlotWord},
};

/// Where an endpoint script answers, below its tenant: `/{tenant}{path}` on the endpoints' listener.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Endpoint, example = json!({ "method": "POST", "path": "/orders/{id}", "authentication": "public" }))]
pub(crate) struct EndpointView {
    /// GET, POST, PUT, PATCH or DELETE; several with commas between, as `GET,POST`; or `ANY`. HEAD is answered like GET.
    method: String,
    /// From its `/`; `{name}` takes one segment, `{*name}` the rest.
    path: String,
    /// Who may call: everybody; whoever has an API token with the permission `endpoints.call`; or whoever signs with a
    /// secret of the endpoint.
    authentication: AuthenticationWord,
    /// How requests are signed: with the authentication `hmac`, and only with that.
    signature: Option<SignatureView>,
    /// When a request is answered: `sync` with what the script answers, `async` with 202 as soon as it is accepted.
    #[serde(default)]
    mode: ModeWord,
    /// The most bytes of a body, at most 4 MiB.
    #[serde(default = "most_bytes")]
    body_limit_bytes: u64,
    /// How often it may be called; null where the tenant's quotas and the usual rate of an address stand.
    rate_limit: Option<RateView>,
    /// Which pages of other origins may read answers; null for none.
    cors: Option<CorsView>,
    /// Whether a request that comes twice with one `Idempotency-Key` or `webhook-id` is answered once; null for yes where
    /// the caller is known, and for no where everybody may call.
    deduplicate: Option<bool>,
}

/// When a request is answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EndpointMode)]
pub(crate) enum ModeWord {
    /// When the script has answered.
    #[default]
    Sync,
    /// As soon as it is accepted.
    Async,
}

/// How requests are signed.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Signature, example = json!({ "scheme": "standard" }))]
pub(crate) enum SignatureView {
    /// Standard Webhooks.
    Standard {},
    /// As Stripe signs.
    Stripe {},
    /// As GitHub signs.
    Github {},
    /// As Slack signs.
    Slack {},
    /// In a header of your choice, over the body, or over the time, a `.` and the body.
    Generic {
        /// The header with the signature.
        header: String,
        /// The hash.
        #[serde(default)]
        algorithm: HashWord,
        /// How the signature is written.
        #[serde(default)]
        encoding: EncodingWord,
        /// What stands before it, as `sha256=`.
        #[serde(default)]
        prefix: String,
        /// The header with the time in Unix seconds; null where there is none.
        timestamp_header: Option<String>,
    },
}

/// The hash under a signature.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignatureHash)]
pub(crate) enum HashWord {
    /// HMAC-SHA-256.
    #[default]
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignatureEncoding)]
pub(crate) enum EncodingWord {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// How often an endpoint may be called.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointRate)]
pub(crate) struct RateView {
    /// Requests a minute in all.
    per_minute: Option<u32>,
    /// Requests a minute from one address.
    per_address_per_minute: Option<u32>,
}

/// Which pages of other origins may read answers. They never send cookies along.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cors, example = json!({ "origins": ["https://shop.example"], "headers": ["content-type"] }))]
pub(crate) struct CorsView {
    /// Origins, as `https://shop.example`; or `*` alone for every one.
    origins: Vec<String>,
    /// Request headers that they may send.
    #[serde(default)]
    headers: Vec<String>,
    /// Answer headers that they may read.
    #[serde(default)]
    exposed_headers: Vec<String>,
    /// How long a browser may keep the answer to its question.
    #[serde(default)]
    max_age_seconds: u32,
}

/// An endpoint of the tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedEndpoint)]
pub(crate) struct ListedEndpoint {
    /// The script that answers.
    script_id: Uuid,
    /// The script's name.
    script: String,
    /// Beside these the members of `Endpoint`. They are named and not repeated, because that schema allows no others.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    endpoint: EndpointView,
    /// Whether the script runs at all.
    is_active: bool,
    /// Whether it has a version that answers.
    is_deployed: bool,
    /// Who set it, and so whose rights bound every run that it starts.
    set_by: Option<Uuid>,
    #[schema(format = DateTime)]
    set_at: String,
}

/// A secret that requests are signed with. Its value is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndpointSecret)]
pub(crate) struct EndpointSecretBody {
    slot: SecretSlotWord,
    set_by: Option<Uuid>,
    #[schema(format = DateTime)]
    set_at: String,
}

/// The secrets of an endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndpointSecrets)]
pub(crate) struct EndpointSecretsBody {
    items: Vec<EndpointSecretBody>,
}

/// A secret to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpointSecret, example = json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }))]
pub(crate) struct NewEndpointSecret {
    /// `whsec_` and base64 for Standard Webhooks, else 16 to 256 bytes of text. It is never shown again.
    #[schema(value_type = String, write_only)]
    secret: Text,
}

/// A secret that was made here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RotatedEndpointSecret)]
pub(crate) struct RotatedSecretBody {
    /// What senders sign with from now on. It is shown this once.
    #[schema(read_only)]
    secret: String,
    /// The secrets that are live now.
    items: Vec<EndpointSecretBody>,
}

fn most_bytes() -> u64 {
    BODY_BYTES_MAX
}

impl TryFrom<EndpointView> for EndpointInput {
    type Error = Invalid;

    fn try_from(view: EndpointView) -> Result<Self, Invalid> {
        let rate = view.rate_limit.map_or(EndpointRate::default(), |rate| EndpointRate {
            per_minute: rate.per_minute,
            per_address_per_minute: rate.per_address_per_minute,
        });
        let cors = view.cors.map(|cors| Cors {
            origins: cors.origins,
            headers: cors.headers,
            exposed_headers: cors.exposed_headers,
            max_age_s: cors.max_age_seconds,
        });
        Ok(Self {
            route: EndpointRoute::parse(&view.method, &view.path)?,
            authentication: view.authentication.0,
            options: EndpointOptions {
                signature: view.signature.map(SignatureView::scheme).transpose()?,
                mode: match view.mode {
                    ModeWord::Sync => EndpointMode::Sync,
                    ModeWord::Async => EndpointMode::Async,
                },
                body_limit_bytes: view.body_limit_bytes,
                rate,
                cors,
                deduplicate: view.deduplicate,
            },
        })
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        let EndpointOptions { signature, mode, body_limit_bytes, rate, cors, deduplicate } = endpoint.options.clone();
        let EndpointRate { per_minute, per_address_per_minute } = rate;
        Self {
            method: endpoint.route.method().to_owned(),
            path: endpoint.route.path().to_owned(),
            authentication: AuthenticationWord(endpoint.authentication),
            signature: signature.map(SignatureView::from),
            mode: match mode {
                EndpointMode::Sync => ModeWord::Sync,
                EndpointMode::Async => ModeWord::Async,
            },
            body_limit_bytes,
            rate_limit: (rate != EndpointRate::default()).then_some(RateView { per_minute, per_address_per_minute }),
            cors: cors.map(|cors| CorsView {
                origins: cors.origins,
                headers: cors.headers,
                exposed_headers: cors.exposed_headers,
                max_age_seconds: cors.max_age_s,
            }),
            deduplicate,
        }
    }
}

impl SignatureView {
    fn scheme(self) -> Result<SignatureScheme, Invalid> {
        Ok(match self {
            Self::Standard {} => SignatureScheme::Standard,
            Self::Stripe {} => SignatureScheme::Stripe,
            Self::Github {} => SignatureScheme::Github,
            Self::Slack {} => SignatureScheme::Slack,
            Self::Generic { header, algorithm, encoding, prefix, timestamp_header } => {
                let algorithm = match algorithm {
                    HashWord::Sha256 => SignatureHash::Sha256,
                    HashWord::Sha512 => SignatureHash::Sha512,
                };
                let encoding = match encoding {
                    EncodingWord::Hex => SignatureEncoding::Hex,
                    EncodingWord::Base64 => SignatureEncoding::Base64,
                };
                let generic = GenericSignature { header, algorithm, encoding, prefix, timestamp_header };
                SignatureScheme::Generic(generic.checked()?)
            }
        })
    }
}

impl From<SignatureScheme> for SignatureView {
    fn from(scheme: SignatureScheme) -> Self {
        match scheme {
            SignatureScheme::Standard => Self::Standard {},
            SignatureScheme::Stripe => Self::Stripe {},
            SignatureScheme::Github => Self::Github {},
            SignatureScheme::Slack => Self::Slack {},
            SignatureScheme::Generic(generic) => Self::Generic {
                header: generic.header,
                algorithm: match generic.algorithm {
                    SignatureHash::Sha256 => HashWord::Sha256,
                    SignatureHash::Sha512 => HashWord::Sha512,
                },
                encoding: match generic.encoding {
                    SignatureEncoding::Hex => EncodingWord::Hex,
                    SignatureEncoding::Base64 => EncodingWord::Base64,
                },
                prefix: generic.prefix,
                timestamp_header: generic.timestamp_header,
            },
        }
    }
}

impl From<&Endpoint> for ListedEndpoint {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            script_id: endpoint.script.uuid(),
            script: endpoint.script_name.clone(),
            endpoint: EndpointView::from(endpoint),
            is_active: endpoint.is_active,
            is_deployed: endpoint.version.is_some(),
            set_by: endpoint.set_by.map(|user| user.uuid()),
            set_at: endpoint.set_at.to_rfc3339(),
        }
    }
}

impl From<&EndpointSecretView> for EndpointSecretBody {
    fn from(secret: &EndpointSecretView) -> Self {
        let EndpointSecretView { slot, set_by, set_at } = secret;
        Self { slot: SecretSlotWord(*slot), set_by: set_by.map(|user| user.uuid()), set_at: set_at.to_rfc3339() }
    }
}

impl From<&[EndpointSecretView]> for EndpointSecretsBody {
    fn from(secrets: &[EndpointSecretView]) -> Self {
        Self { items: secrets.iter().map(EndpointSecretBody::from).collect() }
    }
}

impl From<&RotatedSecret> for RotatedSecretBody {
    fn from(rotated: &RotatedSecret) -> Self {
        Self { secret: rotated.text.to_string(), items: rotated.live.iter().map(EndpointSecretBody::from).collect() }
    }
}

impl NewEndpointSecret {
    /// The value for the application.
    pub(crate) fn value(self) -> SecretValue {
        self.secret.into_value()
    }
}
