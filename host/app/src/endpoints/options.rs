//! How an endpoint takes requests, beside where it answers and who may call: one record, kept as JSON.

use database::{EndpointAuthentication, NewEndpoint};
use domain::{EndpointRoute, Invalid, ScriptId, UnixMillis, UserId, VersionId};
use serde::{Deserialize, Serialize};

use super::cors::Cors;
use crate::{AppError, SignatureScheme};

/// The most bytes of a request's body (SPEC section 2), and the limit where an endpoint sets none.
pub const BODY_BYTES_MAX: u64 = 4 << 20;

/// The most requests a minute that a rate can say: more is no limit.
const RATE_MAX: u32 = 1_000_000;

/// When a request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointMode {
    /// When the script has answered and its effects are committed.
    #[default]
    Sync,
    /// As soon as it is accepted: the script runs afterwards.
    Async,
}

/// How often an endpoint may be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointRate {
    /// Requests a minute in all; `None` where the tenant's quotas alone stand.
    pub per_minute: Option<u32>,
    /// Requests a minute from one address.
    pub per_address_per_minute: Option<u32>,
}

/// How an endpoint takes requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointOptions {
    /// How requests are signed; `None` where no signature is asked for.
    pub signature: Option<SignatureScheme>,
    /// When a request is answered.
    pub mode: EndpointMode,
    /// The most bytes of a body, at most [`BODY_BYTES_MAX`].
    pub body_limit_bytes: u64,
    /// How often it may be called.
    pub rate: EndpointRate,
    /// Which pages of other origins may read its answers; `None` for none.
    pub cors: Option<Cors>,
    /// Whether a request that comes twice with one key is answered once; `None` for yes where the caller is known, and
    /// for no where everybody may call.
    pub deduplicate: Option<bool>,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            signature: None,
            mode: EndpointMode::Sync,
            body_limit_bytes: BODY_BYTES_MAX,
            rate: EndpointRate::default(),
            cors: None,
            deduplicate: None,
        }
    }
}

/// Where a script is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointInput {
    /// Methods and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// How it takes requests.
    pub options: EndpointOptions,
}

/// Where a script answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The script.
    pub script: ScriptId,
    /// The script's name.
    pub script_name: String,
    /// Methods and path.
    pub route: EndpointRoute,
    /// How its caller is known.
    pub authentication: EndpointAuthentication,
    /// How it takes requests.
    pub options: EndpointOptions,
    /// Who set it last.
    pub set_by: Option<UserId>,
    /// When it was set.
    pub set_at: UnixMillis,
    /// Whether the script runs at all.
    pub is_active: bool,
    /// The version that answers; `None` before the first deployment.
    pub version: Option<VersionId>,
}

impl EndpointInput {
    /// An endpoint that takes requests as most do.
    pub fn new(route: EndpointRoute, authentication: EndpointAuthentication) -> Self {
        Self { route, authentication, options: EndpointOptions::default() }
    }

    /// See that it can be kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self) -> Result<(), Invalid> {
        let options = &self.options;
        match (self.authentication, &options.signature) {
            (EndpointAuthentication::Hmac, None) => {
                return Err(Invalid::new(
                    "endpoint.signature",
                    "say how requests are signed, as { \"scheme\": \"standard\" }",
                ));
            }
            (EndpointAuthentication::Public | EndpointAuthentication::Token, Some(_)) => {
                let message = "only an endpoint with the authentication 'hmac' has a signature: leave it out";
                return Err(Invalid::new("endpoint.signature", message));
            }
            _ => {}
        }
        if options.body_limit_bytes > BODY_BYTES_MAX {
            let message = format!("a body has at most {BODY_BYTES_MAX} bytes");
            return Err(Invalid::new("endpoint.body_limit_bytes", message));
        }
        let rates = [options.rate.per_minute, options.rate.per_address_per_minute];
        if rates.into_iter().flatten().any(|rate| rate == 0 || rate > RATE_MAX) {
            let message = format!("a rate is from 1 to {RATE_MAX} requests a minute");
            return Err(Invalid::new("endpoint.rate_limit", message));
        }
        options.cors.as_ref().map_or(Ok(()), Cors::check)
    }

    /// The row that keeps it.
    pub(crate) fn row(self, set_by: Option<UserId>, set_at: UnixMillis) -> Result<NewEndpoint, AppError> {
        let Self { route, authentication, options } = self;
        let is_usual = options == EndpointOptions::default();
        let options = if is_usual { None } else { Some(serde_json::to_string(&options).map_err(AppError::internal)?) };
        Ok(NewEndpoint { route, authentication, options, set_by, set_at })
    }
}

impl Endpoint {
    /// What a row keeps.
    pub(crate) fn of_row(row: database::Endpoint) -> Result<Self, AppError> {
        let options = match &row.options {
            Some(json) => serde_json::from_str(json).map_err(AppError::internal)?,
            None => EndpointOptions::default(),
        };
        Ok(Self {
            script: row.script,
            script_name: row.script_name,
            route: row.route,
            authentication: row.authentication,
            options,
            set_by: row.set_by,
            set_at: row.set_at,
            is_active: row.is_active,
            version: row.version,
        })
    }

    /// Whether anybody may call it.
    pub(crate) fn is_public(&self) -> bool {
        self.authentication == EndpointAuthentication::Public
    }

    /// Whether a request that comes twice with one key is answered once (RULES 30).
    pub(crate) fn deduplicates(&self) -> bool {
        self.options.deduplicate.unwrap_or(!self.is_public())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    fn input(authentication: EndpointAuthentication, options: EndpointOptions) -> EndpointInput {
        EndpointInput { options, ..EndpointInput::new(EndpointRoute::parse("POST", "/a").unwrap(), authentication) }
    }

    fn refused(authentication: EndpointAuthentication, options: EndpointOptions) -> &'static str {
        input(authentication, options).check().unwrap_err().field
    }

    #[test]
    fn a_signature_belongs_to_hmac_and_to_nothing_else() {
        let signed = EndpointOptions { signature: Some(SignatureScheme::Github), ..EndpointOptions::default() };
        assert!(input(EndpointAuthentication::Hmac, signed.clone()).check().is_ok());
        assert_eq!(refused(EndpointAuthentication::Hmac, EndpointOptions::default()), "endpoint.signature");
        assert_eq!(refused(EndpointAuthentication::Public, signed.clone()), "endpoint.signature");
        assert_eq!(refused(EndpointAuthentication::Token, signed), "endpoint.signature");
    }

    #[test]
    fn limits_have_bounds() {
        let usual = EndpointOptions::default;
        let public = EndpointAuthentication::Public;
        let large = EndpointOptions { body_limit_bytes: BODY_BYTES_MAX + 1, ..usual() };
        assert_eq!(refused(public, large), "endpoint.body_limit_bytes");
        for rate in [0, RATE_MAX + 1] {
            let rate = EndpointRate { per_address_per_minute: Some(rate), ..EndpointRate::default() };
            assert_eq!(refused(public, EndpointOptions { rate, ..usual() }), "endpoint.rate_limit");
        }
    }

    #[test]
    fn options_are_read_as_they_were_kept_and_new_ones_have_their_defaults() {
        let options = EndpointOptions {
            signature: Some(SignatureScheme::Standard),
            mode: EndpointMode::Async,
            rate: EndpointRate { per_minute: Some(7), per_address_per_minute: None },
            ..EndpointOptions::default()
        };
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<EndpointOptions>(&json).unwrap(), options);
        assert_eq!(serde_json::from_str::<EndpointOptions>("{}").unwrap(), EndpointOptions::default());
    }
}
