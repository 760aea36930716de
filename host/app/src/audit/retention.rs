//! Removing rows of the audit log by their age, where the operator wants that. Whoever verifies a log that was cut begins at
//! its anchor, which only this deployment can have made.

use std::sync::Arc;

use database::AuditEntry;
use domain::{Actor, AuditAction, TenantId, UnixMillis};
use serde_json::json;

use super::AuditSubject;
use crate::{AppError, Inner};

/// Rows that are removed in one transaction.
const CUT_AT_ONCE: u32 = 500;

impl Inner {
    /// Remove what is older than rows are kept, of every chain. The removal is told in the chain itself.
    pub(super) async fn cut_audit(&self, now: UnixMillis) -> Result<(), AppError> {
        let Some(kept) = self.audit.kept else { return Ok(()) };
        let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let before = UnixMillis(now.0.saturating_sub(kept_ms));
        for head in self.audit_heads()? {
            if self.database.oldest_audit(head.tenant)?.is_some_and(|oldest| oldest < before) {
                self.cut_chain(head.tenant, before).await?;
            }
        }
        Ok(())
    }

    async fn cut_chain(&self, chain: TenantId, before: UnixMillis) -> Result<(), AppError> {
        let by = AuditSubject {
            tenant: Some(chain).filter(|chain| *chain != AuditEntry::deployment()),
            actor: Actor::System,
        };
        let detail = json!({ "before": before.to_rfc3339() });
        loop {
            let audited = self.audited_with(by, AuditAction::AuditCut, "audit", &detail);
            let sealer = Arc::clone(&self.audit.keys) as _;
            if audited.cut_audit(chain, before, CUT_AT_ONCE, sealer).await? < CUT_AT_ONCE as usize {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
}
