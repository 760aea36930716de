//! A signature that the tenant describes: which header, which hash, how it is written. It is over the body, or over
//! `{time}.{body}` where a header has the time.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::Invalid;
use runtime::Header;
use serde::{Deserialize, Serialize};

use super::{Presented, SignatureHash, from_hex, only, seconds};

/// The most bytes of a header's name or of a prefix.
const TEXT_BYTES_MAX: usize = 100;

/// Headers that something else on the way reads or writes: none of them can be a signature.
const NAMES_TAKEN: [&str; 10] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// How a signature's bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Hexadecimal digits of either case.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// A signature in a header of the tenant's choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenericSignature {
    /// The header with the signature, in lower case.
    pub header: String,
    /// The hash.
    pub algorithm: SignatureHash,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// What stands before it, as `sha256=`; may be empty.
    pub prefix: String,
    /// The header with the time in Unix seconds, in lower case; without one nothing tells an old request.
    pub timestamp_header: Option<String>,
}

impl GenericSignature {
    /// See that the description can be read by.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn checked(mut self) -> Result<Self, Invalid> {
        self.header = header_name("endpoint.signature.header", &self.header)?;
        let timestamp = self.timestamp_header.as_deref();
        self.timestamp_header =
            timestamp.map(|name| header_name("endpoint.signature.timestamp_header", name)).transpose()?;
        if self.timestamp_header.as_deref() == Some(self.header.as_str()) {
            let message = "the time and the signature are in two headers";
            return Err(Invalid::new("endpoint.signature.timestamp_header", message));
        }
        if self.prefix.len() > TEXT_BYTES_MAX || !self.prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("the prefix has at most {TEXT_BYTES_MAX} visible characters");
            return Err(Invalid::new("endpoint.signature.prefix", message));
        }
        Ok(self)
    }

    pub(super) fn presented(&self, headers: &[Header]) -> Option<Presented> {
        let timestamp = match &self.timestamp_header {
            Some(name) => Some(only(headers, name)?),
            None => None,
        };
        let text = only(headers, &self.header)?.strip_prefix(self.prefix.as_str())?;
        let candidate = match self.encoding {
            SignatureEncoding::Hex => from_hex(text)?,
            SignatureEncoding::Base64 => STANDARD.decode(text).ok()?,
        };
        Some(Presented {
            signed_at_s: match timestamp {
                Some(timestamp) => Some(seconds(timestamp)?),
                None => None,
            },
            prefix: timestamp.map(|timestamp| format!("{timestamp}.").into_bytes()).unwrap_or_default(),
            candidates: vec![candidate],
            hash: self.algorithm,
        })
    }
}

/// A header's name in lower case.
fn header_name(field: &'static str, name: &str) -> Result<String, Invalid> {
    let name = name.to_ascii_lowercase();
    let is_name = !name.is_empty()
        && name.len() <= TEXT_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name || NAMES_TAKEN.contains(&name.as_str()) {
        let message = "a signature's header has letters, digits, '-' and '_', and is none that HTTP itself reads";
        return Err(Invalid::new(field, message));
    }
    Ok(name)
}
