//! Who calls, found out once before the handler, for all that is done around it; and what is written of requests that are
//! refused: a row of the audit log where the caller is known, else a number (RULES 39).

use app::{App, AppError, AuditSubject, RefusedRequest};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{Operator, Principal, TenantId};
use http::{StatusCode, header, request::Parts};

use super::{
    caller::{Caller, OperatorCaller},
    peer::PeerAddress,
    problem::{Problem, Refusal},
};

/// Who calls, where that is known; an extension of the request.
#[derive(Clone, Debug)]
pub(crate) enum Recognised {
    /// Somebody in a tenant.
    Principal(Principal),
    /// An operator who acts in none.
    Operator(Operator),
}

impl Recognised {
    /// The tenant that the caller acts in.
    pub(crate) fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Principal(principal) => Some(principal.tenant),
            Self::Operator(_) => None,
        }
    }
}

impl From<&Recognised> for AuditSubject {
    fn from(caller: &Recognised) -> Self {
        match caller {
            Recognised::Principal(principal) => principal.into(),
            Recognised::Operator(operator) => operator.into(),
        }
    }
}

/// Find out who calls, let the request be handled, and write down where it was refused. What cannot be written is not
/// refused either, but answered with why it could not be.
pub(crate) async fn recognise(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = caller(&mut parts, &app).await;
    if let Some(caller) = &caller {
        parts.extensions.insert(caller.clone());
    }
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let address = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
    let response = next.run(Request::from_parts(parts, body)).await;
    match (response.status(), caller) {
        (StatusCode::UNAUTHORIZED, _) => app.audit().count_refusal(None, address),
        (StatusCode::FORBIDDEN, Some(caller)) => {
            let refusal = response.extensions().get::<Refusal>();
            let refused = RefusedRequest {
                method: method.as_str(),
                path: &path,
                code: refusal.map_or("forbidden", |refusal| refusal.code),
                permission: refusal.and_then(|refusal| refusal.permission.as_deref()),
            };
            let written = match &caller {
                Recognised::Principal(principal) => app.audit().refused(principal, refused).await,
                Recognised::Operator(operator) => app.audit().refused_operator(operator, refused).await,
            };
            if let Err(error) = written {
                return unwritten(error);
            }
        }
        _ => {}
    }
    response
}

/// Who shows a token or a session that is good, whatever the request is for.
async fn caller(parts: &mut Parts, app: &App) -> Option<Recognised> {
    let presents = [header::AUTHORIZATION, header::COOKIE].iter().any(|name| parts.headers.contains_key(name));
    if !presents {
        return None;
    }
    if let Ok(Caller(principal)) = Caller::from_request_parts(parts, app).await {
        return Some(Recognised::Principal(principal));
    }
    let operator = OperatorCaller::from_request_parts(parts, app).await.ok();
    operator.map(|OperatorCaller(operator)| Recognised::Operator(operator))
}

fn unwritten(error: AppError) -> Response {
    Problem::from(error).into_response()
}
