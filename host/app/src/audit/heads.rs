//! The heads of the audit log's chains, exported each minute: whoever cuts the end off a chain is found by the head that
//! left the machine before.
//!
//! The file is JSON Lines: one line for each chain, then one with the time and a MAC over all lines before it, under a key
//! that is in no database.

use std::{
    collections::HashMap,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use database::{AuditEntry, AuditHead};
use domain::{TenantId, UnixMillis};
use serde_json::json;

use super::ChainKeys;
use crate::{AppError, Inner, sealing::hex};

/// Chains that are read at once.
const CHAINS_AT_ONCE: u32 = 500;

/// Where heads go, and which went.
pub(super) struct Heads {
    file: Option<PathBuf>,
    exported: Mutex<HashMap<TenantId, u64>>,
}

impl Heads {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, exported: Mutex::default() }
    }

    /// Those of `heads` that did not go as they are now.
    fn news<'a>(&self, heads: &'a [AuditHead]) -> Vec<&'a AuditHead> {
        let exported = self.exported.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().filter(|head| exported.get(&head.tenant) != Some(&head.seq)).collect()
    }

    fn note(&self, heads: &[AuditHead]) {
        let mut exported = self.exported.lock().unwrap_or_else(PoisonError::into_inner);
        exported.extend(heads.iter().map(|head| (head.tenant, head.seq)));
    }
}

/// The heads as the file has them.
pub(super) fn text(keys: &ChainKeys, heads: &[AuditHead], now: UnixMillis) -> String {
    let mut text = String::new();
    for head in heads {
        let chain = hex::write(&head.chain);
        let line = json!({ "tenant": head.tenant.to_string(), "seq": head.seq, "chain": *chain });
        let _ = writeln!(text, "{line}");
    }
    let at = now.to_rfc3339();
    let seal = keys.seal_heads(&text, &at);
    let _ = writeln!(text, "{}", json!({ "at": at, "seal": *hex::write(&seal) }));
    text
}

impl Inner {
    /// Every chain's head.
    pub(super) fn audit_heads(&self) -> Result<Vec<AuditHead>, AppError> {
        let mut heads: Vec<AuditHead> = Vec::new();
        loop {
            let page = self.database.audit_heads(heads.last().map(|head| head.tenant), CHAINS_AT_ONCE)?;
            let is_last = page.len() < CHAINS_AT_ONCE as usize;
            heads.extend(page);
            if is_last {
                return Ok(heads);
            }
        }
    }

    /// Export the heads where they are others than a minute ago.
    pub(super) async fn export_heads(&self, now: UnixMillis) -> Result<(), AppError> {
        let heads = self.audit_heads()?;
        let news = self.audit.heads.news(&heads);
        if news.is_empty() {
            return Ok(());
        }
        match &self.audit.heads.file {
            Some(file) => {
                let (file, text) = (file.clone(), text(&self.audit.keys, &heads, now));
                let written = tokio::task::spawn_blocking(move || replace(&file, &text)).await;
                written.map_err(AppError::internal)?.map_err(AppError::internal)?;
            }
            None => {
                for head in news {
                    let chain = hex::write(&head.chain);
                    tracing::info!(tenant.id = %head.tenant, seq = head.seq, chain = chain.as_str(), "head of the audit log");
                }
            }
        }
        self.audit.heads.note(&heads);
        Ok(())
    }

    /// What is done of the audit log each minute.
    pub(crate) async fn keep_audit(&self, now: UnixMillis) {
        if let Err(error) = self.write_refusals().await {
            tracing::warn!(%error, "the counters of refused requests could not be written");
        }
        if let Err(error) = self.purge_refusals(AuditEntry::deployment(), now).await {
            tracing::warn!(%error, "old counters of refused requests could not be removed");
        }
        if let Err(error) = self.cut_audit(now).await {
            tracing::warn!(%error, "old rows of the audit log could not be removed");
        }
        if let Err(error) = self.export_heads(now).await {
            tracing::error!(%error, "the heads of the audit log could not be exported");
        }
    }
}

/// Put `text` in the place of the file: whoever reads it meanwhile finds the one or the other.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let next = file.with_extension("next");
    fs::write(&next, text)?;
    fs::rename(&next, file)
}
