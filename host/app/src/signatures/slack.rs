//! As Slack signs: `X-Slack-Signature: v0={hex}` with HMAC-SHA-256 over `v0:{time}:{body}`, by
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use runtime::Header;

use super::{Presented, SignatureHash, from_hex, only, seconds};

/// The header of the signature, in lower case.
pub(super) const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";

pub(super) fn presented(headers: &[Header]) -> Option<Presented> {
    let timestamp = only(headers, TIMESTAMP)?;
    let digits = only(headers, SIGNATURE)?.strip_prefix("v0=")?;
    Some(Presented {
        signed_at_s: Some(seconds(timestamp)?),
        prefix: format!("v0:{timestamp}:").into_bytes(),
        candidates: vec![from_hex(digits)?],
        hash: SignatureHash::Sha256,
    })
}
