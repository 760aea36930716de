//! The links between the rows of the audit log: a digest of each row, and a MAC over the MAC before it and this digest,
//! under a key of the tenant's that is derived from the deployment's and is in no database.
//!
//! Whoever changes, removes, inserts or moves a row cannot make the values that follow. Whoever cuts off the end is found
//! by a head that was exported before.

use database::{AuditAnchor, AuditMark, AuditRow, AuditSealer};
use domain::TenantId;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Makes the links of every chain.
pub(crate) struct ChainKeys {
    root: Zeroizing<[u8; 32]>,
}

impl ChainKeys {
    pub(crate) fn new(root: Zeroizing<[u8; 32]>) -> Self {
        Self { root }
    }

    /// The MAC over the heads of all chains, as a file has them, and the time at which they were written.
    pub(super) fn seal_heads(&self, lines: &str, at: &str) -> [u8; 32] {
        let key = Zeroizing::new(*blake3::keyed_hash(&self.root, b"heads").as_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&(lines.len() as u64).to_le_bytes()).update(lines.as_bytes()).update(at.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Whether an anchor of a chain is one that this deployment made.
    pub(super) fn has_sealed(&self, tenant: TenantId, anchor: &AuditAnchor) -> bool {
        bool::from(self.seal_anchor(tenant, anchor.seq, &anchor.chain).ct_eq(&anchor.seal))
    }

    /// The key of one chain.
    fn of(&self, tenant: TenantId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*blake3::keyed_hash(&self.root, tenant.as_bytes()).as_bytes())
    }
}

impl AuditSealer for ChainKeys {
    fn seal(&self, tenant: TenantId, previous: &[u8; 32], row: &AuditRow) -> AuditMark {
        let digest = digest(tenant, row);
        let chain = *blake3::Hasher::new_keyed(&self.of(tenant)).update(previous).update(&digest).finalize().as_bytes();
        AuditMark { digest, chain }
    }

    fn seal_anchor(&self, tenant: TenantId, seq: u64, chain: &[u8; 32]) -> [u8; 32] {
        let key = Zeroizing::new(*blake3::keyed_hash(&self.of(tenant), b"anchor").as_bytes());
        *blake3::Hasher::new_keyed(&key).update(&seq.to_le_bytes()).update(chain).finalize().as_bytes()
    }
}

/// The digest of all that a row says: each field with its length, so that nothing moves from one to the next unseen, and
/// an absent one told from an empty one.
fn digest(tenant: TenantId, row: &AuditRow) -> [u8; 32] {
    let AuditRow { seq, at, action, outcome, actor, user, token, session, object, detail, request_id, address } = row;
    let mut hasher = blake3::Hasher::new_derive_key("skerry audit log v1: row");
    hasher.update(tenant.as_bytes()).update(&seq.to_le_bytes()).update(&at.0.to_le_bytes());
    let fields = [
        Some(action),
        Some(outcome),
        Some(actor),
        user.as_ref(),
        token.as_ref(),
        session.as_ref(),
        Some(object),
        detail.as_ref(),
        request_id.as_ref(),
        address.as_ref(),
    ];
    for field in fields {
        match field {
            None => hasher.update(&[0]),
            Some(text) => hasher.update(&[1]).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes()),
        };
    }
    *hasher.finalize().as_bytes()
}
