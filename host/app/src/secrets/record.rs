//! A secret as it is written and shown, and what its record has to be.

use std::collections::BTreeSet;

use database::{SealedSecret, Secret};
use domain::{Invalid, ScriptId, SecretName, SecretPlacement, TenantId};
use zeroize::Zeroizing;

use super::origin;
use crate::{
    AppError,
    scripts::ScriptRef,
    sealing::{Purpose, TenantKey},
};

/// The most bytes of a value.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// The fewest bytes of a value that is put into requests. A shorter one can be guessed, by watching for what is taken
/// out of an answer that repeats the request.
const PLACED_BYTES_MIN: usize = 8;
/// The fewest bytes of an HMAC's key (RULES 25).
pub(super) const HMAC_KEY_BYTES_MIN: usize = 16;
/// The most bytes of a value that is put into a header: servers refuse larger ones.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// The most origins, or placements, of one secret.
const ENTRIES_MAX: usize = 20;
/// The most scripts that one secret names.
const SCRIPTS_MAX: usize = 200;

/// A secret's value. It shows itself to nobody and is wiped from memory when it is dropped.
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// This value.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What `decode` makes of the value; this one is wiped. `None` where it can make nothing of it.
    #[must_use]
    pub fn decode_with(self, decode: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<Self> {
        decode(&self.0).map(Self::new)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// A secret to be made, or to be put in place of the one that is there.
#[derive(Debug)]
pub struct SecretInput {
    /// The value: 1 byte to 64 KiB.
    pub value: SecretValue,
    /// The exact https origins that the value may be sent to.
    pub origins: Vec<String>,
    /// The places where it may be put.
    pub placements: Vec<SecretPlacement>,
    /// The scripts that may use it.
    pub scripts: Vec<ScriptRef>,
}

/// What is to be changed of a secret; what is `None` stays.
#[derive(Debug, Default)]
pub struct SecretPatch {
    /// Another value.
    pub value: Option<SecretValue>,
    /// Other origins, whole. Changing them needs the value again: whoever can edit a record must not be able to send
    /// a value that he does not know to a place of his own (RULES 22).
    pub origins: Option<Vec<String>>,
    /// Other placements, whole.
    pub placements: Option<Vec<SecretPlacement>>,
    /// Other scripts, whole.
    pub scripts: Option<Vec<ScriptRef>>,
}

/// A secret as it is shown: everything but its value.
#[derive(Clone, Debug)]
pub struct SecretView {
    /// The record.
    pub record: Secret,
    /// The names of those scripts that are still there.
    pub script_names: Vec<String>,
}

/// What decides where a value may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) origins: Vec<String>,
    pub(super) placements: Vec<SecretPlacement>,
    pub(super) scripts: Vec<ScriptId>,
}

impl Policy {
    pub(super) fn of(record: &Secret) -> Self {
        Self { origins: record.origins.clone(), placements: record.placements.clone(), scripts: record.scripts.clone() }
    }

    /// Check the whole of it together with the value that it is for.
    ///
    /// # Errors
    /// Which field is wrong, and what is allowed. Nothing of the value is in the message.
    pub(super) fn check(&self, value: &[u8]) -> Result<(), Invalid> {
        at_most("origins", self.origins.len(), ENTRIES_MAX)?;
        at_most("placements", self.placements.len(), ENTRIES_MAX)?;
        at_most("scripts", self.scripts.len(), SCRIPTS_MAX)?;
        if value.is_empty() || value.len() > VALUE_BYTES_MAX {
            return Err(wrong_value(format!("a value has 1 to {VALUE_BYTES_MAX} bytes")));
        }
        if self.placements.is_empty() {
            return Err(Invalid::new("placements", "name at least one place where the secret may be put"));
        }
        self.placements.iter().try_for_each(|placement| fits(placement, value))?;
        let is_sent = self.placements.iter().any(|placement| !matches!(placement, SecretPlacement::Hmac(_)));
        if is_sent && self.origins.is_empty() {
            return Err(Invalid::new("origins", "name at least one origin that the value may be sent to"));
        }
        if !is_sent && !self.origins.is_empty() {
            return Err(Invalid::new(
                "origins",
                "a secret that is only a key of HMACs is sent nowhere: name no origin",
            ));
        }
        Ok(())
    }

    /// The MAC over the record and the sealed value: whoever can write to the database can neither widen where a value
    /// goes nor put another value in its place.
    pub(super) fn mac(&self, key: &TenantKey, name: &SecretName, value_version: u64, sealed: &[u8]) -> [u8; 32] {
        let placements: Vec<String> = self.placements.iter().map(SecretPlacement::to_string).collect();
        let counts =
            [self.origins.len(), placements.len(), self.scripts.len()].map(|count| (count as u64).to_le_bytes());
        let version = value_version.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![name.as_str().as_bytes(), &version, sealed];
        parts.extend(counts.iter().map(|count| count.as_slice()));
        parts.extend(self.origins.iter().map(String::as_bytes));
        parts.extend(placements.iter().map(String::as_bytes));
        parts.extend(self.scripts.iter().map(|script| script.as_bytes().as_slice()));
        key.mac(Purpose::Secret, &parts)
    }
}

/// Origins in their one form, each once.
pub(super) fn origins(texts: &[String]) -> Result<Vec<String>, Invalid> {
    let origins = texts.iter().map(|text| origin::parse(text)).collect::<Result<BTreeSet<String>, Invalid>>()?;
    Ok(origins.into_iter().collect())
}

/// Each placement once.
pub(super) fn placements(given: Vec<SecretPlacement>) -> Vec<SecretPlacement> {
    let each: BTreeSet<SecretPlacement> = given.into_iter().collect();
    each.into_iter().collect()
}

/// Whether a value can be put in a place at all.
fn fits(placement: &SecretPlacement, value: &[u8]) -> Result<(), Invalid> {
    match placement {
        SecretPlacement::Hmac(_) if value.len() < HMAC_KEY_BYTES_MIN => {
            Err(wrong_value(format!("the key of an HMAC has at least {HMAC_KEY_BYTES_MIN} bytes")))
        }
        SecretPlacement::Hmac(_) => Ok(()),
        SecretPlacement::Header(_) | SecretPlacement::Body(_) if value.len() < PLACED_BYTES_MIN => {
            Err(wrong_value(format!(
                "a value that is put into requests has at least {PLACED_BYTES_MIN} bytes: a shorter one can be guessed"
            )))
        }
        SecretPlacement::Header(_) => {
            let is_plain = value.iter().all(|byte| matches!(byte, 0x20..=0x7e));
            let is_trimmed = !value.starts_with(b" ") && !value.ends_with(b" ");
            if is_plain && is_trimmed && value.len() <= HEADER_BYTES_MAX {
                return Ok(());
            }
            Err(wrong_value(format!(
                "a value that is put into a header has at most {HEADER_BYTES_MAX} visible ASCII characters, no line \
                 break and no space at its ends"
            )))
        }
        SecretPlacement::Body(_) if std::str::from_utf8(value).is_err() => {
            Err(wrong_value("a value that is put into a body is UTF-8 text"))
        }
        SecretPlacement::Body(_) => Ok(()),
    }
}

fn wrong_value(message: impl Into<String>) -> Invalid {
    Invalid::new("value", message)
}

fn at_most(field: &'static str, count: usize, most: usize) -> Result<(), Invalid> {
    if count <= most {
        return Ok(());
    }
    Err(Invalid::new(field, format!("{field} has at most {most} entries, not {count}")))
}

/// Seal a value as the given version of the secret `name`.
pub(super) fn seal(key: &TenantKey, name: &SecretName, value_version: u64, value: &[u8]) -> Vec<u8> {
    key.seal(Purpose::Secret, &sealed_id(name, value_version), value)
}

/// The value of a secret, if record and sealed value are what this deployment wrote.
///
/// # Errors
/// [`AppError::Internal`] when one of them was changed from outside: then the secret is of no use.
pub(super) fn open(key: &TenantKey, tenant: TenantId, secret: &SealedSecret) -> Result<Zeroizing<Vec<u8>>, AppError> {
    use subtle::ConstantTimeEq;
    let SealedSecret { record, mac, value } = secret;
    let expected = Policy::of(record).mac(key, &record.name, record.value_version, value);
    if !bool::from(expected.as_slice().ct_eq(mac)) {
        tracing::error!(tenant.id = %tenant, secret.name = %record.name, "a secret's record is not the one that was written");
        return Err(AppError::internal("a secret's record is not the one that was written"));
    }
    key.open(Purpose::Secret, &sealed_id(&record.name, record.value_version), value)
        .map(Zeroizing::new)
        .map_err(AppError::internal)
}

/// Of fixed length but for the name, which comes last.
fn sealed_id(name: &SecretName, value_version: u64) -> Vec<u8> {
    [value_version.to_le_bytes().as_slice(), name.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use domain::HmacHash;

    use super::*;

    fn policy(origins: &[&str], placements: &[&str]) -> Policy {
        Policy {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            placements: placements.iter().filter_map(|text| text.parse().ok()).collect(),
            scripts: Vec::new(),
        }
    }

    #[test]
    fn a_value_has_to_fit_each_of_its_places() {
        let home = &["https://a.example"][..];
        let good: [(&[&str], &[&str], &[u8]); 5] = [
            (home, &["header authorization"], b"12345678"),
            (home, &["body secret"], "πassword".as_bytes()),
            (&[], &["hmac sha256"], &[0xff; 16]),
            (home, &["hmac sha256", "header x-key"], b"1234567890123456"),
            (home, &["header x-key"], &[b'x'; HEADER_BYTES_MAX]),
        ];
        for (origins, placements, value) in good {
            assert_eq!(policy(origins, placements).check(value), Ok(()), "{placements:?}");
        }
        type Refused<'a> = (&'a [&'a str], &'a [&'a str], &'a [u8], &'a str);
        let bad: [Refused<'_>; 14] = [
            (home, &[], b"12345678", "placements"),
            (&[], &["header authorization"], b"12345678", "origins"),
            (&[], &["body secret", "hmac sha256"], b"1234567890123456", "origins"),
            (home, &["hmac sha256"], b"1234567890123456", "origins"),
            (home, &["header x-key"], b"", "value"),
            (home, &["header x-key"], b"1234567", "value"),
            (home, &["header x-key"], b"12345678\n", "value"),
            (home, &["header x-key"], b"1234\r\n5678", "value"),
            (home, &["header x-key"], b" 12345678", "value"),
            (home, &["header x-key"], "pässword".as_bytes(), "value"),
            (home, &["header x-key"], &[b'x'; HEADER_BYTES_MAX + 1], "value"),
            (home, &["body x"], &[0xff; 16], "value"),
            (&[], &["hmac sha256"], &[b'x'; 15], "value"),
            (&[], &["hmac sha256"], &[b'x'; VALUE_BYTES_MAX + 1], "value"),
        ];
        for (origins, placements, value, field) in bad {
            let refused = policy(origins, placements).check(value);
            assert_eq!(refused.map_err(|invalid| invalid.field), Err(field), "{placements:?}");
        }
    }

    #[test]
    fn a_value_is_never_shown() {
        let input = SecretInput {
            value: SecretValue::new(b"hunter2-hunter2".to_vec()),
            origins: Vec::new(),
            placements: vec![SecretPlacement::Hmac(HmacHash::Sha256)],
            scripts: Vec::new(),
        };
        assert!(!format!("{input:?}").contains("hunter"));
    }
}
