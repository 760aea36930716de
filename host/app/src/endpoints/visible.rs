//! What of a request a script may see: not what Skerry authenticates with, no cookies, and nothing of what proxies say
//! of identity (RULES 27, 28).

use domain::{Actor, Principal};
use runtime::{Header, Request};

use super::{EndpointCall, options::Endpoint};

/// Headers by which proxies say who somebody is. Whoever calls can write them, so no script sees them.
const IDENTITY_HEADERS: [&str; 18] = [
    "cf-connecting-ip",
    "cookie",
    "cookie2",
    "forwarded",
    "proxy-authorization",
    "remote-user",
    "remote_user",
    "set-cookie",
    "ssl-client-cert",
    "true-client-ip",
    "x-client-cert",
    "x-client-ip",
    "x-jwt-assertion",
    "x-real-ip",
    "x-remote-user",
    "x-ssl-client-cert",
    "x-user",
    "x-webauth-user",
];

/// Families of such headers, by their beginning.
const IDENTITY_PREFIXES: [&str; 10] = [
    "cf-access-",
    "oidc-",
    "tailscale-",
    "x-amzn-oidc-",
    "x-auth-",
    "x-authenticated-",
    "x-forwarded-",
    "x-goog-",
    "x-ms-client-principal",
    "x-pomerium-",
];

/// How the caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Not at all.
    Anybody,
    /// By a token.
    Token(Principal),
    /// By a signature.
    Signature,
}

impl Caller {
    /// As the script sees it: `request.auth`.
    fn auth(&self) -> String {
        let auth = match self {
            Self::Anybody => serde_json::json!({ "kind": "public", "id": null }),
            Self::Signature => serde_json::json!({ "kind": "hmac", "id": null }),
            Self::Token(principal) => {
                let id = match principal.actor {
                    Actor::Token { token, .. } => Some(token.to_string()),
                    _ => None,
                };
                serde_json::json!({ "kind": "token", "id": id })
            }
        };
        auth.to_string()
    }

    /// Who acts.
    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Token(principal) => principal.actor,
            // Somebody whom the tenant knows, and who is no member of it: not to wait behind strangers (RULES 31).
            Self::Signature => Actor::System,
            Self::Anybody => Actor::PublicCaller,
        }
    }

    /// What tells one caller from another.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Anybody => String::from("public"),
            Self::Signature => String::from("hmac"),
            Self::Token(principal) => format!("token {:?}", principal.actor),
        }
    }
}

/// The request as the script is given it.
pub(super) fn request(
    endpoint: &Endpoint,
    call: EndpointCall,
    params: Vec<(String, String)>,
    (caller, body): (&Caller, Vec<u8>),
) -> Request {
    // However it is spelled: a token of ours is hidden also where nobody asked for one.
    let is_ours = |header: &Header| matches!(caller, Caller::Token(_)) || header.value.contains("sk_");
    let mut headers = call.headers;
    headers.retain(|header| {
        let name = header.name.to_ascii_lowercase();
        let identifies = IDENTITY_HEADERS.contains(&name.as_str())
            || IDENTITY_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let signs = endpoint.options.signature.as_ref().is_some_and(|scheme| scheme.is_credential(&name));
        let authenticates = name == "authorization" && is_ours(header);
        !identifies && !signs && !authenticates
    });
    Request { method: call.method, url: call.url, headers, body, params, auth: caller.auth() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use std::net::{IpAddr, Ipv4Addr};

    use database::EndpointAuthentication;
    use domain::{EndpointRoute, ScriptId, UnixMillis};

    use super::*;
    use crate::{EndpointOptions, GenericSignature, SignatureEncoding, SignatureHash, SignatureScheme};

    fn seen(signature: Option<SignatureScheme>, caller: &Caller, headers: &[(&str, &str)]) -> Vec<String> {
        let headers = headers.iter().map(|(name, value)| Header { name: (*name).into(), value: (*value).into() });
        let call = EndpointCall {
            method: String::from("GET"),
            url: String::from("http://localhost/acme/"),
            headers: headers.collect(),
            bearer: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let endpoint = Endpoint {
            script: ScriptId::generate(),
            script_name: String::new(),
            route: EndpointRoute::parse("GET", "/").unwrap(),
            authentication: EndpointAuthentication::Hmac,
            options: EndpointOptions { signature, ..EndpointOptions::default() },
            set_by: None,
            set_at: UnixMillis(0),
            is_active: true,
            version: None,
        };
        let request = request(&endpoint, call, Vec::new(), (caller, Vec::new()));
        request.headers.into_iter().map(|header| header.name).collect()
    }

    #[test]
    fn no_script_sees_cookies_or_what_a_proxy_says_of_identity() {
        let headers = [("Cookie", "a=b"), ("X-Forwarded-User", "root"), ("Forwarded", "for=1"), ("X-Event", "kept")];
        assert_eq!(seen(None, &Caller::Anybody, &headers), ["X-Event"]);
    }

    #[test]
    fn a_token_of_ours_is_hidden_also_at_a_public_endpoint() {
        assert!(seen(None, &Caller::Anybody, &[("authorization", "Bearer sk_x_y")]).is_empty());
        let foreign = seen(None, &Caller::Anybody, &[("authorization", "Basic abc")]);
        assert_eq!(foreign.len(), 1, "a stranger's own scheme is the script's business");
    }

    #[test]
    fn no_script_sees_a_signature_that_was_verified() {
        let generic = SignatureScheme::Generic(GenericSignature {
            header: String::from("x-own-signature"),
            algorithm: SignatureHash::Sha256,
            encoding: SignatureEncoding::Hex,
            prefix: String::new(),
            timestamp_header: None,
        });
        let cases = [
            (SignatureScheme::Standard, "Webhook-Signature", "webhook-id"),
            (SignatureScheme::Stripe, "Stripe-Signature", "x-event"),
            (SignatureScheme::Github, "X-Hub-Signature-256", "X-GitHub-Delivery"),
            (SignatureScheme::Github, "X-Hub-Signature", "X-GitHub-Event"),
            (SignatureScheme::Slack, "X-Slack-Signature", "X-Slack-Request-Timestamp"),
            (generic, "X-Own-Signature", "x-event"),
        ];
        for (scheme, hidden, kept) in cases {
            let headers = [(hidden, "secret"), (kept, "kept")];
            assert_eq!(seen(Some(scheme), &Caller::Signature, &headers), [kept]);
        }
    }
}
