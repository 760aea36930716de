//! What became of a request that was accepted, for whoever the endpoint lets ask (RULES 32): the same authentication as
//! for the request itself, and where callers have tokens, a token of the same person.

use database::{Database, DatabaseError, Execution};
use domain::{Actor, ExecutionId, ExecutionStatus, Principal, TenantId, Trigger, UnixMillis};

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
    /// [`EndpointRefusal::Unauthenticated`]; [`EndpointRefusal::NotFound`] for another person's, for what came in another
    /// way than the endpoint asks for now, and where signatures have no time.
    pub fn accepted(
        &self,
        admitted: &AdmittedCall,
        execution: ExecutionId,
    ) -> Result<AcceptedRequest, EndpointRefusal> {
        // A signature without a time is good for ever, and over no body the same for every request.
        if admitted.routed.live.endpoint.options.signature.as_ref().is_some_and(|scheme| !scheme.has_time()) {
            return Err(EndpointRefusal::NotFound);
        }
        let caller = self.verified(admitted, b"")?;
        let tenant = admitted.routed.tenant;
        let row = of_endpoint(&self.inner.database, tenant, execution)?;
        if !may_read(&caller, row.actor) {
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

/// Whether the result of what `accepted_for` asked for may be read by a caller: it is not opened to others by changing how
/// the endpoint knows its callers.
fn may_read(caller: &Caller, accepted_for: Actor) -> bool {
    match (caller, accepted_for) {
        (Caller::Token(Principal { actor, .. }), Actor::Token { user, .. }) => actor.user() == Some(user),
        (Caller::Signature, Actor::System) | (Caller::Anybody, Actor::PublicCaller) => true,
        _ => false,
    }
}

/// An execution that a request to an endpoint started, and whose answer that request did not get.
fn of_endpoint(database: &Database, tenant: TenantId, execution: ExecutionId) -> Result<Execution, EndpointRefusal> {
    match database.get_execution(tenant, execution) {
        Ok(detail) if detail.execution.trigger == Trigger::Endpoint && detail.execution.is_accepted => {
            Ok(detail.execution)
        }
        Ok(_) | Err(DatabaseError::NotFound) => Err(EndpointRefusal::NotFound),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use domain::{TokenId, UserId};

    use super::*;

    #[test]
    fn a_result_is_not_opened_by_changing_how_callers_are_known() {
        let known = Actor::Token { token: TokenId::generate(), user: UserId::generate() };
        assert!(may_read(&Caller::Anybody, Actor::PublicCaller) && may_read(&Caller::Signature, Actor::System));
        assert!(!may_read(&Caller::Anybody, known) && !may_read(&Caller::Signature, known));
        assert!(!may_read(&Caller::Anybody, Actor::System) && !may_read(&Caller::Signature, Actor::PublicCaller));
    }
}
