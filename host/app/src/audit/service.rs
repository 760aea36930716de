//! Reading the audit log, and writing what was refused.

use std::{fmt, net::IpAddr, sync::Arc};

use database::{AuditEntry, AuditFilter, AuditRow, Refusals};
use domain::{AuditAction, AuditOutcome, Operator, Permission, Principal, ScriptName, TenantId, UnixMillis};
use serde_json::json;

use super::{AuditReport, HeadFileError};
use crate::{AppError, Inner, sealing::hex};

/// The most rows of one page of a list.
const PAGE_MAX: u32 = 1_000;

/// The most rows of one page of an export.
const EXPORTED_MAX: u32 = 5_000;

/// Rows about one object among which its last change is looked for.
const LOOKED_AT: u32 = 20;

/// A row of the log.
pub type AuditedRow = AuditRow;

/// Rows with their links, for an export.
#[derive(Clone, Debug)]
pub struct AuditExport {
    /// The row.
    pub row: AuditRow,
    /// Its digest, in hexadecimal digits.
    pub digest: String,
    /// The chain's value behind it, in hexadecimal digits.
    pub chain: String,
}

/// A request that was refused to somebody who is known.
#[derive(Clone, Copy, Debug)]
pub struct RefusedRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, without the query.
    pub path: &'a str,
    /// The stable word of the problem that it was answered with.
    pub code: &'a str,
    /// The permission that was missing, where it was one.
    pub permission: Option<&'a str>,
}

/// The audit log.
#[derive(Clone)]
pub struct AuditService {
    inner: Arc<Inner>,
}

impl AuditService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// What was done and refused in the tenant, the latest first, below the number `before`. Needs `audit.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditedRow>, AppError> {
        principal.require(Permission::AuditRead)?;
        Ok(self.inner.database.list_audit(principal.tenant, filter, before, limit.min(PAGE_MAX))?)
    }

    /// What operators did, and what was refused to them, the latest first, below the number `before`.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    pub fn list_of_deployment(
        &self,
        _operator: &Operator,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditedRow>, AppError> {
        Ok(self.inner.database.list_audit(AuditEntry::deployment(), filter, before, limit.min(PAGE_MAX))?)
    }

    /// The tenant's rows with their links, the oldest first, behind the number `after`. Needs `audit.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn export(&self, principal: &Principal, after: u64, limit: u32) -> Result<Vec<AuditExport>, AppError> {
        principal.require(Permission::AuditRead)?;
        self.exported(principal.tenant, after, limit)
    }

    /// The rows of a chain with their links, for whoever is at this machine's command line; the deployment's for `None`.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    pub fn export_local(&self, tenant: Option<TenantId>, after: u64) -> Result<Vec<AuditExport>, AppError> {
        self.exported(tenant.unwrap_or_else(AuditEntry::deployment), after, EXPORTED_MAX)
    }

    /// Requests of nobody that is known which named the tenant and were refused, by minute and address, the latest minute
    /// first. Needs `audit.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn refusals(&self, principal: &Principal, before: UnixMillis, limit: u32) -> Result<Vec<Refusals>, AppError> {
        principal.require(Permission::AuditRead)?;
        Ok(self.inner.database.list_refusals(principal.tenant, before, limit.min(PAGE_MAX))?)
    }

    /// The same of requests that named no tenant: to the API.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    pub fn refusals_of_deployment(
        &self,
        _operator: &Operator,
        before: UnixMillis,
        limit: u32,
    ) -> Result<Vec<Refusals>, AppError> {
        Ok(self.inner.database.list_refusals(AuditEntry::deployment(), before, limit.min(PAGE_MAX))?)
    }

    /// Write that a request was refused to somebody who is known.
    ///
    /// # Errors
    /// Whatever keeps the row from being written.
    pub async fn refused(&self, principal: &Principal, request: RefusedRequest<'_>) -> Result<(), AppError> {
        let entry = self.inner.audit_entry(principal, AuditAction::RequestsRefuse, request.object());
        self.write_refused(entry, request).await
    }

    /// The same of an operator's request.
    ///
    /// # Errors
    /// Whatever keeps the row from being written.
    pub async fn refused_operator(&self, operator: &Operator, request: RefusedRequest<'_>) -> Result<(), AppError> {
        let entry = self.inner.audit_entry(operator, AuditAction::RequestsRefuse, request.object());
        self.write_refused(entry, request).await
    }

    async fn write_refused(&self, entry: AuditEntry, request: RefusedRequest<'_>) -> Result<(), AppError> {
        let detail = json!({ "code": request.code, "permission": request.permission }).to_string();
        let entry = AuditEntry { outcome: AuditOutcome::Refused, detail: Some(detail), ..entry };
        Ok(self.inner.database.append_audit(entry).await?)
    }

    /// The last change of `object` that the log tells of, among the actions of these kinds. A script is meant by its name as
    /// by its id. For whoever was just told that a change of theirs came too late: it says who changed the thing, and not
    /// what is in it.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    pub fn last_change(
        &self,
        principal: &Principal,
        (kinds, object): (&[&str], &str),
    ) -> Result<Option<AuditedRow>, AppError> {
        let (database, tenant) = (&self.inner.database, principal.tenant);
        let named = ScriptName::parse(object).ok().filter(|_| kinds.contains(&"scripts"));
        let script = named.map(|name| database.script_by_name(tenant, &name)).transpose()?.flatten();
        let object = script.map_or_else(|| object.to_owned(), |script| script.summary.id.to_string());
        let filter = AuditFilter { object: Some(object), outcome: Some(AuditOutcome::Done), ..AuditFilter::default() };
        let mut rows = database.list_audit(tenant, &filter, None, LOOKED_AT)?.into_iter();
        Ok(rows.find(|row| row.action.split_once('.').is_some_and(|(kind, _)| kinds.contains(&kind))))
    }

    /// Count a request of nobody that is known that was refused; `tenant` is the one that it named.
    pub fn count_refusal(&self, tenant: Option<TenantId>, address: Option<IpAddr>) {
        self.inner.audit.refusals.count(tenant, address, UnixMillis::now());
    }

    /// Go through every chain, and compare it with the heads that were exported, where their file's text is given. For
    /// whoever is at this machine's command line. The inner error says what is wrong with that text.
    ///
    /// # Errors
    /// Whatever keeps the log from being read.
    pub fn verify(&self, heads: Option<&str>) -> Result<Result<AuditReport, HeadFileError>, AppError> {
        self.inner.verify_audit(heads)
    }

    fn exported(&self, tenant: TenantId, after: u64, limit: u32) -> Result<Vec<AuditExport>, AppError> {
        let rows = self.inner.database.audit_chain(tenant, after, limit.min(EXPORTED_MAX))?;
        let digits = |bytes: &[u8]| hex::write(bytes).as_str().to_owned();
        let exported = |(row, mark): (AuditRow, database::AuditMark)| AuditExport {
            row,
            digest: digits(&mark.digest),
            chain: digits(&mark.chain),
        };
        Ok(rows.into_iter().map(exported).collect())
    }
}

impl RefusedRequest<'_> {
    fn object(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl fmt::Debug for AuditService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditService").finish_non_exhaustive()
    }
}
