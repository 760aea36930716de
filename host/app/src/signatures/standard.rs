//! Standard Webhooks 1.0, symmetric: `v1,` and the base64 HMAC-SHA-256 over `{id}.{timestamp}.{body}`, as
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md> has it. Skerry receives
//! and sends it.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::UnixMillis;
use runtime::Header;

use super::{Presented, SignatureHash, SigningSecret, only, seconds};

/// The header with the message's id, equal over all attempts to deliver it.
pub(crate) const ID: &str = "webhook-id";
/// The header with the time of the attempt, in Unix seconds.
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// The label of a symmetric signature.
const LABEL: &str = "v1";
/// The most bytes of an id: it is kept to tell what comes twice.
const ID_BYTES_MAX: usize = 255;

/// A message that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Its id, without a `.`: what is signed could be read in two ways otherwise.
    pub(crate) id: &'a str,
    /// When it is sent.
    pub(crate) at: UnixMillis,
    /// Its raw bytes.
    pub(crate) body: &'a [u8],
}

impl Message<'_> {
    /// The three headers of the message, with a signature by each of `secrets`.
    pub(crate) fn signed(&self, secrets: &[SigningSecret]) -> [Header; 3] {
        let seconds = self.at.0.div_euclid(1_000).to_string();
        let prefix = signed_prefix(self.id, &seconds);
        let by = |secret: &SigningSecret| {
            let mac = secret.mac(SignatureHash::Sha256, &[&prefix, self.body]);
            format!("{LABEL},{}", STANDARD.encode(mac))
        };
        let signatures: Vec<String> = secrets.iter().map(by).collect();
        let header = |name: &str, value: String| Header { name: name.to_owned(), value };
        [header(ID, self.id.to_owned()), header(TIMESTAMP, seconds), header(SIGNATURE, signatures.join(" "))]
    }
}

/// An id that could be signed: visible characters, without the `.` that separates it from what follows.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

pub(super) fn presented(headers: &[Header]) -> Option<Presented> {
    let id = only(headers, ID).filter(|id| is_id(id))?;
    let timestamp = only(headers, TIMESTAMP)?;
    let signatures = only(headers, SIGNATURE)?.split(' ').filter_map(|signature| signature.split_once(','));
    let known = signatures.filter(|(label, _)| *label == LABEL);
    Some(Presented {
        signed_at_s: Some(seconds(timestamp)?),
        prefix: signed_prefix(id, timestamp),
        candidates: known.filter_map(|(_, text)| STANDARD.decode(text).ok()).collect(),
        hash: SignatureHash::Sha256,
    })
}

fn signed_prefix(id: &str, timestamp: &str) -> Vec<u8> {
    format!("{id}.{timestamp}.").into_bytes()
}
