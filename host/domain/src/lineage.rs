//! Which chain of executions an execution belongs to: its first one, and how far it is from that (RULES 35).
//!
//! A request that leaves carries its execution's lineage, sealed; where it comes back to this deployment, what it starts
//! goes on with the chain. So scripts that call each other over the network end like those that call each other by
//! events.

use uuid::Uuid;

use crate::{ExecutionId, TenantId};

/// How far the last execution of a chain may be from the first.
pub const HOPS_MAX: u32 = 16;

/// The most requests that one chain may lead to.
pub const BUDGET: u64 = 1_000;

/// How long a chain is remembered, in milliseconds: longer than any execution and its retries take. What was sealed
/// earlier belongs to no chain.
pub const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// A place in a chain of executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The tenant of the chain's first execution.
    pub tenant: TenantId,
    /// The chain's first execution.
    pub root: ExecutionId,
    /// How far this one is from it: 0 for the first itself.
    pub hop: u32,
}

impl Lineage {
    /// The size of [`Self::to_bytes`].
    pub const BYTES: usize = 16 + 16 + 4;

    /// The chain that begins with `execution`.
    pub fn begun_by(tenant: TenantId, execution: ExecutionId) -> Self {
        Self { tenant, root: execution, hop: 0 }
    }

    /// The place of what this one leads to; `None` past the last one.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.hop < HOPS_MAX).then(|| Self { hop: self.hop + 1, ..self })
    }

    /// The form in which it is sealed.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(self.tenant.as_bytes());
        bytes[16..32].copy_from_slice(self.root.as_bytes());
        bytes[32..].copy_from_slice(&self.hop.to_le_bytes());
        bytes
    }

    /// What [`Self::to_bytes`] was given; `None` for bytes of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (tenant, rest) = bytes.split_first_chunk::<16>()?;
        let (root, hop) = rest.split_first_chunk::<16>()?;
        Some(Self {
            tenant: Uuid::from_bytes(*tenant).into(),
            root: Uuid::from_bytes(*root).into(),
            hop: u32::from_le_bytes(hop.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_is_read_as_it_was_written() {
        let lineage = Lineage { hop: 7, ..Lineage::begun_by(TenantId::generate(), ExecutionId::generate()) };
        assert_eq!(Lineage::from_bytes(&lineage.to_bytes()), Some(lineage));
        assert_eq!(Lineage::from_bytes(&lineage.to_bytes()[1..]), None);
    }

    #[test]
    fn a_chain_ends_after_sixteen_hops() {
        let first = Lineage::begun_by(TenantId::generate(), ExecutionId::generate());
        let hops = std::iter::successors(Some(first), |lineage| lineage.next()).count();
        assert_eq!(hops, 17, "the first and sixteen after it");
    }
}
