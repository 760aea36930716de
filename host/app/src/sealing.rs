//! Sealing: what of a tenant is kept is encrypted under the tenant's own key before it reaches the database, and what
//! the database must not be able to change carries a MAC under it (RULES 3, 21, 44).
//!
//! The tenant's key is itself wrapped by the deployment's, which [`Keyring`] holds and which is never in the database.

pub(crate) mod hex;
mod key_file;
mod keyring;

use std::sync::atomic::{AtomicU64, Ordering};

use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce, aead::AeadInOut};
use domain::TenantId;
use zeroize::Zeroizing;

pub use keyring::KeyError;
pub(crate) use keyring::Keyring;

/// The form of what is sealed: this byte, the nonce, the ciphertext, the tag.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// A key, wiped from memory when it is dropped.
type Key = Zeroizing<[u8; KEY_BYTES]>;

/// What something is sealed as. Bytes that were sealed as one thing never open as another. The numbers are part of the
/// stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A tenant's key, under the deployment's.
    TenantKey = 1,
    /// An execution's input.
    Input = 2,
    /// An execution's result.
    Result = 3,
    /// An execution's error.
    Error = 4,
    /// An execution's logs.
    Logs = 5,
    /// An execution's journal, with its seeds.
    Journal = 6,
    /// An event's data.
    Event = 7,
    /// What the sandbox made of a version; only ever a MAC.
    Artifact = 8,
    /// A secret's value; and the MAC over its record.
    Secret = 9,
    /// The key by which a receiver outside tells a call that is made again; only ever a MAC.
    IdempotencyKey = 10,
    /// The chain of executions that a request belongs to, under the deployment's key.
    Lineage = 11,
    /// What an attempt has sent out; and the digests in it.
    Sent = 16,
    /// A webhook's address and its secrets.
    Webhook = 17,
    /// A secret that requests to an endpoint are signed with.
    EndpointSecret = 20,
    /// What a request to an endpoint is told again by; only ever a MAC.
    EndpointAnswer = 21,
    /// By what this deployment proves to an identity provider to be its client.
    ClientSecret = 30,
    /// What a sign-in at an identity provider is finished by.
    OpenId = 31,
    /// What a request to the API was answered, and what it is told again by.
    ApiAnswer = 32,
}

/// Sealed bytes that do not open: changed, cut, of another tenant, purpose or row, or of a newer form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is kept as {purpose:?} does not open: it was changed, or belongs elsewhere")]
pub(crate) struct Unsealable {
    purpose: Purpose,
}

/// One tenant's key. Shows itself to nobody.
pub(crate) struct TenantKey {
    tenant: TenantId,
    sealer: Sealer,
    mac_key: Key,
}

impl TenantKey {
    /// The keys that are used, derived from the one that is kept, each for its own use.
    fn derive(tenant: TenantId, kept: &Key) -> Result<Self, getrandom::Error> {
        let seal_key = Zeroizing::new(blake3::derive_key("skerry tenant key v1: sealing", kept.as_slice()));
        let mac_key = Zeroizing::new(blake3::derive_key("skerry tenant key v1: mac", kept.as_slice()));
        Ok(Self { tenant, sealer: Sealer::new(&seal_key)?, mac_key })
    }

    /// Encrypt `plain` as the `purpose` of the row `id`. It opens under this key, for this purpose and row alone.
    pub(crate) fn seal(&self, purpose: Purpose, id: &[u8], plain: &[u8]) -> Vec<u8> {
        self.sealer.seal(&bound_to(self.tenant, purpose, id), plain)
    }

    /// What [`Self::seal`] was given.
    ///
    /// # Errors
    /// [`Unsealable`] for anything that this key did not seal for this purpose and row.
    pub(crate) fn open(&self, purpose: Purpose, id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unsealable> {
        self.sealer.open(&bound_to(self.tenant, purpose, id), sealed).ok_or(Unsealable { purpose })
    }

    /// A MAC over `parts`, each with its length, so that no other split of the same bytes has the same MAC. Whoever
    /// compares one does it in constant time.
    pub(crate) fn mac(&self, purpose: Purpose, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.mac_key);
        hasher.update(&bound_to(self.tenant, purpose, &[]));
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// The associated data: everything but the last has a fixed length, so that no two of them read alike.
fn bound_to(tenant: TenantId, purpose: Purpose, id: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(2 + 16 + id.len());
    bound.extend([VERSION, purpose as u8]);
    bound.extend(tenant.as_bytes());
    bound.extend(id);
    bound
}

/// XChaCha20-Poly1305 under one key.
///
/// A nonce is 16 bytes drawn when the key was opened and a counter of 8: never twice under a key, in this process or
/// another, and without asking the operating system at each seal.
struct Sealer {
    cipher: XChaCha20Poly1305,
    drawn: [u8; NONCE_BYTES - 8],
    counter: AtomicU64,
}

impl Sealer {
    fn new(key: &Key) -> Result<Self, getrandom::Error> {
        let mut drawn = [0; NONCE_BYTES - 8];
        getrandom::fill(&mut drawn)?;
        Ok(Self { cipher: XChaCha20Poly1305::new((&**key).into()), drawn, counter: AtomicU64::new(0) })
    }

    fn next_nonce(&self) -> XNonce {
        let mut nonce = [0; NONCE_BYTES];
        nonce[..self.drawn.len()].copy_from_slice(&self.drawn);
        nonce[self.drawn.len()..].copy_from_slice(&self.counter.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        nonce.into()
    }

    fn seal(&self, bound: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = self.next_nonce();
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + plain.len() + TAG_BYTES);
        sealed.push(VERSION);
        sealed.extend(&nonce);
        sealed.extend(plain);
        let text = &mut sealed[1 + NONCE_BYTES..];
        let tag = self.cipher.encrypt_inout_detached(&nonce, bound, text.into());
        sealed.extend(&tag.expect("a text is far shorter than the cipher's 256 GiB"));
        sealed
    }

    fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (&VERSION, rest) = sealed.split_first()? else {
            return None;
        };
        let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let mut plain = text.to_vec();
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        self.cipher.decrypt_inout_detached(&nonce, bound, plain.as_mut_slice().into(), &tag).ok()?;
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    fn key(tenant: TenantId) -> TenantKey {
        TenantKey::derive(tenant, &Zeroizing::new([7; KEY_BYTES])).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_purpose_and_row() {
        let key = key(TenantId::generate());
        for plain in [&b""[..], b"{}", &[9; 100_000]] {
            let sealed = key.seal(Purpose::Input, b"row", plain);
            assert_eq!(key.open(Purpose::Input, b"row", &sealed).unwrap(), plain);
        }
    }

    #[test]
    fn it_opens_for_no_other_purpose_row_or_tenant() {
        let (tenant, other) = (TenantId::generate(), TenantId::generate());
        let sealed = key(tenant).seal(Purpose::Input, b"row", b"plain");
        assert!(key(tenant).open(Purpose::Result, b"row", &sealed).is_err());
        assert!(key(tenant).open(Purpose::Input, b"rov", &sealed).is_err());
        assert!(key(tenant).open(Purpose::Input, b"", &sealed).is_err());
        assert!(key(other).open(Purpose::Input, b"row", &sealed).is_err(), "the key's bytes are equal, the tenant not");
    }

    #[test]
    fn a_changed_bit_or_a_missing_byte_anywhere_keeps_it_shut() {
        let key = key(TenantId::generate());
        let sealed = key.seal(Purpose::Logs, b"row", b"plain");
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(key.open(Purpose::Logs, b"row", &changed).is_err(), "byte {at}, bit {bit}");
            }
            assert!(key.open(Purpose::Logs, b"row", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn no_two_seals_are_alike() {
        let tenant = TenantId::generate();
        let (one, again) = (key(tenant), key(tenant));
        let sealed = [&one, &one, &again].map(|key| key.seal(Purpose::Event, b"row", b"plain"));
        assert_ne!(sealed[0], sealed[1]);
        assert_ne!(sealed[0], sealed[2], "the same key, opened twice, has other nonces");
    }

    #[test]
    fn a_mac_is_over_the_parts_and_where_they_end() {
        let (tenant, other) = (TenantId::generate(), TenantId::generate());
        let mac = key(tenant).mac(Purpose::Artifact, &[b"ab", b"c"]);
        assert_eq!(mac, key(tenant).mac(Purpose::Artifact, &[b"ab", b"c"]));
        assert_ne!(mac, key(tenant).mac(Purpose::Artifact, &[b"a", b"bc"]));
        assert_ne!(mac, key(tenant).mac(Purpose::Artifact, &[b"abc"]));
        assert_ne!(mac, key(tenant).mac(Purpose::Journal, &[b"ab", b"c"]));
        assert_ne!(mac, key(other).mac(Purpose::Artifact, &[b"ab", b"c"]));
    }
}
