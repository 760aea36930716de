//! Whether the audit log is as it was written: every chain is gone through from its first row, and compared with the heads
//! that were exported.

use std::collections::HashMap;

use database::{AuditAnchor, AuditHead, AuditMark, AuditRow, AuditSealer};
use domain::TenantId;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::ChainKeys;
use crate::{AppError, Inner, sealing::hex};

/// Rows that are read at once.
const ROWS_AT_ONCE: u32 = 1_000;

/// What the check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// How many chains there are, the deployment's among them.
    pub chains: u64,
    /// How many rows.
    pub rows: u64,
    /// The first broken row of each chain that is not as it was written.
    pub broken: Vec<AuditBreak>,
}

/// Where a chain is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBreak {
    /// Whose chain it is; the nil id stands for the deployment.
    pub tenant: TenantId,
    /// The number of the first row that is not right.
    pub seq: u64,
    /// What is wrong with it.
    pub kind: BreakKind,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakKind {
    /// It is not there, and rows behind it are.
    Missing,
    /// What it says is not what was written, or it was written by somebody without the key, or stands elsewhere.
    Changed,
    /// It was there when the heads were exported, and is not any more.
    CutOff,
    /// Another row was there when the heads were exported.
    Replaced,
    /// The rows up to it are said to have been removed by their age, and it was not this deployment that removed them.
    Anchor,
}

/// Why a file of heads says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFileError {
    /// It is no such file.
    #[error("the file of heads cannot be read: it is one that 'audit.head_file' names, unchanged")]
    Malformed,
    /// It was changed, or belongs to another deployment.
    #[error("the file of heads was changed, or belongs to another deployment: its seal is not right")]
    NotOurs,
}

impl Inner {
    pub(super) fn verify_audit(&self, heads: Option<&str>) -> Result<Result<AuditReport, HeadFileError>, AppError> {
        let heads = match heads.map(|text| read_heads(&self.audit.keys, text)).transpose() {
            Ok(heads) => heads.unwrap_or_default(),
            Err(error) => return Ok(Err(error)),
        };
        let mut expected: HashMap<TenantId, AuditHead> = heads.into_iter().map(|head| (head.tenant, head)).collect();
        let mut report = AuditReport::default();
        for chain in self.audit_heads()? {
            report.chains += 1;
            let head = expected.remove(&chain.tenant);
            report.broken.extend(self.verify_chain(chain.tenant, head.as_ref(), &mut report.rows)?);
        }
        // What is left of a whole chain that is gone.
        let gone = expected.into_values().filter(|head| head.seq > 0);
        report.broken.extend(gone.map(|head| AuditBreak { tenant: head.tenant, seq: 1, kind: BreakKind::CutOff }));
        report.broken.sort_by_key(|broken| broken.tenant);
        Ok(Ok(report))
    }

    /// The first row of a chain that is not as it was written.
    fn verify_chain(
        &self,
        tenant: TenantId,
        head: Option<&AuditHead>,
        rows: &mut u64,
    ) -> Result<Option<AuditBreak>, AppError> {
        let mut walk = Walk::new(tenant, head);
        if let Some(anchor) = self.database.audit_anchor(tenant)?
            && let Some(broken) = walk.begin_at(&self.audit.keys, &anchor)
        {
            return Ok(Some(broken));
        }
        loop {
            let page = self.database.audit_chain(tenant, walk.last, ROWS_AT_ONCE)?;
            let is_last = page.len() < ROWS_AT_ONCE as usize;
            for (row, mark) in page {
                *rows += 1;
                if let Some(broken) = walk.step(&self.audit.keys, &row, mark) {
                    return Ok(Some(broken));
                }
            }
            if is_last {
                return Ok(walk.end());
            }
        }
    }
}

/// The way along one chain, row by row.
pub(super) struct Walk<'a> {
    tenant: TenantId,
    head: Option<&'a AuditHead>,
    last: u64,
    chain: [u8; 32],
}

impl<'a> Walk<'a> {
    /// At the beginning of a chain, whose head was exported as `head`.
    pub(super) fn new(tenant: TenantId, head: Option<&'a AuditHead>) -> Self {
        Self { tenant, head, last: 0, chain: [0; 32] }
    }

    /// Begin behind the rows that were removed by their age.
    pub(super) fn begin_at(&mut self, keys: &ChainKeys, anchor: &AuditAnchor) -> Option<AuditBreak> {
        if !keys.has_sealed(self.tenant, anchor) {
            return self.broken(anchor.seq, BreakKind::Anchor);
        }
        (self.last, self.chain) = (anchor.seq, anchor.chain);
        match self.head {
            Some(head) if head.seq == anchor.seq && head.chain != anchor.chain => {
                self.broken(anchor.seq, BreakKind::Replaced)
            }
            _ => None,
        }
    }

    /// Look at the next row that is there.
    pub(super) fn step(&mut self, keys: &ChainKeys, row: &AuditRow, mark: AuditMark) -> Option<AuditBreak> {
        let next = self.last + 1;
        if row.seq != next {
            return self.broken(next, BreakKind::Missing);
        }
        if !is_same(keys.seal(self.tenant, &self.chain, row), mark) {
            return self.broken(next, BreakKind::Changed);
        }
        (self.last, self.chain) = (next, mark.chain);
        match self.head {
            Some(head) if head.seq == next && head.chain != self.chain => self.broken(next, BreakKind::Replaced),
            _ => None,
        }
    }

    /// What is wrong behind the last row that is there.
    pub(super) fn end(&self) -> Option<AuditBreak> {
        match self.head {
            Some(head) if head.seq > self.last => self.broken(self.last + 1, BreakKind::CutOff),
            _ => None,
        }
    }

    fn broken(&self, seq: u64, kind: BreakKind) -> Option<AuditBreak> {
        Some(AuditBreak { tenant: self.tenant, seq, kind })
    }
}

fn is_same(made: AuditMark, kept: AuditMark) -> bool {
    bool::from(made.digest.ct_eq(&kept.digest) & made.chain.ct_eq(&kept.chain))
}

/// The heads of a file that this deployment wrote.
fn read_heads(keys: &ChainKeys, text: &str) -> Result<Vec<AuditHead>, HeadFileError> {
    let end = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let (lines, last) = text.split_at(end);
    let last: Value = serde_json::from_str(last).map_err(|_| HeadFileError::Malformed)?;
    let at = last["at"].as_str().ok_or(HeadFileError::Malformed)?;
    let seal = digits(&last["seal"]).ok_or(HeadFileError::Malformed)?;
    if !bool::from(keys.seal_heads(lines, at).ct_eq(&seal)) {
        return Err(HeadFileError::NotOurs);
    }
    lines.lines().map(|line| head(line).ok_or(HeadFileError::Malformed)).collect()
}

fn head(line: &str) -> Option<AuditHead> {
    let line: Value = serde_json::from_str(line).ok()?;
    Some(AuditHead {
        tenant: line["tenant"].as_str()?.parse().ok()?,
        seq: line["seq"].as_u64()?,
        chain: digits(&line["chain"])?,
    })
}

fn digits(value: &Value) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::read(value.as_str()?.as_bytes(), &mut bytes)?;
    Some(bytes)
}
