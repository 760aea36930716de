//! What became of a request that was accepted, for whoever the endpoint lets ask (RULES 32): the same authentication as
//! for the request itself, and where callers have tokens, a token of the same person.

use database::{Database, DatabaseError, Execution};
use domain::{ExecutionId, ExecutionStatus, Principal, TenantId, Trigger, UnixMillis};

use super::{
    AdmittedCall, EndpointOutcome, EndpointRefusal, EndpointService, RoutedCall, as_response, visible::Caller,
};
use crate::executions::Sealed;

/// What became of a request that was accepted.
#[derive(Clone, Debug)]
pub struct AcceptedRequest {
    /// The execution behind it.
    pub execution: ExecutionId,
    /// How far it has come.
    pub status: ExecutionStatus,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// When it ended.
    pub completed_at: Option<UnixMillis>,
    /// What the script answered, or that it failed; `None` before its end.
    pub outcome: Option<EndpointOutcome>,
    /// Whether the caller was authenticated, so that no shared cache may keep the answer.
    pub is_private: bool,
}

impl EndpointService {
    /// Find the endpoint that accepted a request.
    ///
    /// # Errors
    /// [`EndpointRefusal::NotFound`], also where the endpoint does not answer any more.
    pub fn route_accepted(&self, tenant: &str, execution: ExecutionId) -> Result<RoutedCall, EndpointRefusal> {
        let tenant = self.tenant(tenant)?.id;
        let script = of_endpoint(&self.inner.database, tenant, execution)?.script;
        let live = self.inner.routes.of(&self.inner, tenant)?.of_script(script).ok_or(EndpointRefusal::NotFound)?;
        Ok(RoutedCall { tenant, live, params: Vec::new() })
    }

    /// What became of the request. A signature is over an empty body.
    ///
    /// # Errors
    /// [`EndpointRefusal::Unauthenticated`]; [`EndpointRefusal::NotFound`] for another person's.
    pub fn accepted(
        &self,
        admitted: &AdmittedCall,
        execution: ExecutionId,
    ) -> Result<AcceptedRequest, EndpointRefusal> {
        let caller = self.verified(admitted, b"")?;
        let tenant = admitted.routed.tenant;
        let row = of_endpoint(&self.inner.database, tenant, execution)?;
        if let Caller::Token(Principal { actor, .. }) = &caller
            && actor.user() != row.actor.user()
        {
            return Err(EndpointRefusal::NotFound);
        }
        Ok(AcceptedRequest {
            execution,
            status: row.status,
            accepted_at: row.accepted_at,
            completed_at: row.completed_at,
            outcome: if row.status.is_terminal() { Some(self.outcome(tenant, execution)?) } else { None },
            is_private: caller != Caller::Anybody,
        })
    }

    fn outcome(&self, tenant: TenantId, execution: ExecutionId) -> Result<EndpointOutcome, EndpointRefusal> {
        let detail = self.inner.database.get_execution(tenant, execution)?;
        let sealed = Sealed::of(&self.inner, tenant)?;
        if let Some(result) = &detail.result {
            return Ok(EndpointOutcome::Response(as_response(sealed.open_result(execution, result)?)));
        }
        let kind = detail.execution.error_kind.unwrap_or(domain::ErrorKind::Internal);
        Ok(EndpointOutcome::Failed(runtime::Failure::new(kind, "", "")))
    }
}

/// An execution that a request to an endpoint started.
fn of_endpoint(database: &Database, tenant: TenantId, execution: ExecutionId) -> Result<Execution, EndpointRefusal> {
    match database.get_execution(tenant, execution) {
        Ok(detail) if detail.execution.trigger == Trigger::Endpoint => Ok(detail.execution),
        Ok(_) | Err(DatabaseError::NotFound) => Err(EndpointRefusal::NotFound),
        Err(error) => Err(error.into()),
    }
}
