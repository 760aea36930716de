//! The chain of executions that a request comes from, where a script of this deployment sent it (RULES 35).

use app::{App, Chain};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{caller::bearer, problem::Problem};

/// Refuse a request whose chain is too long, and tell the handler of any other chain by an extension. Counting one is a
/// write, so it is done for callers with a valid token alone: nobody else starts anything here.
pub(crate) async fn follow_chain(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let header = request.headers_mut().remove(Chain::HEADER);
    if let Some(header) = header.as_ref().and_then(|value| value.to_str().ok())
        && !matches!(request.uri().path(), "/healthz" | "/readyz")
        && bearer(request.headers()).is_some_and(|token| app.tokens().authenticate(token).is_ok())
        && let Some(chain) = app.continue_chain(header).await?
    {
        request.extensions_mut().insert(chain);
    }
    Ok(next.run(request).await)
}
