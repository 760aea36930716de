//! As GitHub signs: `X-Hub-Signature-256: sha256={hex}` with HMAC-SHA-256 over the body alone, by
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

use runtime::Header;

use super::{Presented, SignatureHash, from_hex, only};

/// The header that is verified, and the older one by SHA-1 that GitHub sends beside it and that is verified by nobody.
pub(super) const SIGNATURES: [&str; 2] = ["x-hub-signature-256", "x-hub-signature"];

pub(super) fn presented(headers: &[Header]) -> Option<Presented> {
    let digits = only(headers, SIGNATURES[0])?.strip_prefix("sha256=")?;
    Some(Presented {
        prefix: Vec::new(),
        candidates: vec![from_hex(digits)?],
        hash: SignatureHash::Sha256,
        signed_at_s: None,
    })
}
