//! As Stripe signs: `Stripe-Signature: t={time},v1={hex}[,v1={hex}]` with HMAC-SHA-256 over `{time}.{body}`, by
//! <https://docs.stripe.com/webhooks#verify-manually>. Other keys, such as `v0` of test mode, are not looked at.

use runtime::Header;

use super::{Presented, SignatureHash, from_hex, only, seconds};

/// The header of the signature, in lower case.
pub(super) const SIGNATURE: &str = "stripe-signature";

pub(super) fn presented(headers: &[Header]) -> Option<Presented> {
    let entries = only(headers, SIGNATURE)?.split(',').filter_map(|entry| entry.trim().split_once('='));
    let entries: Vec<(&str, &str)> = entries.collect();
    let values = |key: &'static str| entries.iter().filter(move |entry| entry.0 == key).map(|entry| entry.1);
    let timestamp = values("t").next()?;
    if values("t").count() != 1 {
        return None;
    }
    Some(Presented {
        signed_at_s: Some(seconds(timestamp)?),
        prefix: format!("{timestamp}.").into_bytes(),
        candidates: values("v1").filter_map(from_hex).collect(),
        hash: SignatureHash::Sha256,
    })
}
