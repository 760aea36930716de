//! Conditional requests (RFC 9110, section 13), for every address that is read by `GET` and changed by `PUT`, `PATCH` or
//! `DELETE`: the answer to a `GET` has an `ETag`, a change with `If-Match` is done where the thing still has that tag, and
//! one that is refused says what changed meanwhile.
//!
//! The tag is the thing's revision where it has one, and else a digest of what `GET` answers. It is compared with what `GET`
//! answers just before the change, and the change is made in a transaction that finds nothing of the tenant changed since
//! (see [`app::AuditWatch`]); where something was, it is compared anew. So whoever changes the thing at the same time,
//! with a tag or without, comes before the comparison or behind the change.

use std::sync::Arc;

use app::{App, RequestOrigin};
use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::TenantId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::Service;
use utoipa::openapi::{OpenApi, path::PathItem};

use super::{
    body, etag,
    hosts::OwnOrigin,
    peer::PeerAddress,
    problem::{Problem, Refusal, kinds},
    recognise::Recognised,
};

/// The most bytes of an answer that gets a tag.
const TAGGED_BYTES_MAX: u64 = 4 << 20;

/// What the layer needs: the application, and the handlers that it asks for what is there.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    pub(crate) app: App,
    pub(crate) handlers: Router,
    pub(crate) offered: Offered,
}

/// Which methods each address has: a change that there is not is answered so, whatever tag it names.
#[derive(Clone, Debug)]
pub(crate) struct Offered(Arc<[(String, Vec<Method>)]>);

impl Offered {
    /// Those that the API's description has.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let methods = |item: &PathItem| {
            let changes = [(Method::PUT, &item.put), (Method::PATCH, &item.patch), (Method::DELETE, &item.delete)];
            changes.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
        };
        Self(document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect())
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        self.0.iter().any(|(template, methods)| methods.contains(method) && is_of(template, path))
    }
}

/// Whether a path has the form of a template, whose parts in braces stand for any one part.
fn is_of(template: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    let fits = wanted.by_ref().zip(found.by_ref()).all(|(wanted, found)| wanted.starts_with('{') || wanted == found);
    fits && template.split('/').count() == path.split('/').count()
}

/// Give answers their tags, and let changes through whose conditions hold.
pub(crate) async fn hold_conditions(State(conditions): State<Conditions>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Recognised>().cloned();
    let Some(caller) = caller else { return next.run(request).await };
    match *request.method() {
        Method::GET => {
            let known = request.headers().clone();
            tagged(&conditions.app, &known, next.run(request).await).await
        }
        Method::PUT | Method::PATCH | Method::DELETE
            if is_conditional(request.headers()) && conditions.offered.has(request.method(), request.uri().path()) =>
        {
            conditions.change(&caller, request, next).await
        }
        _ => {
            let path = request.uri().path().to_owned();
            conditions.with_change(&caller, &path, next.run(request).await).await
        }
    }
}

/// How often a change is compared anew because something else of the tenant was changed meanwhile.
const TRIES: usize = 20;

/// Whether a change asks for a tag. `*` asks for nothing that the handlers do not ask for.
fn is_conditional(headers: &HeaderMap) -> bool {
    headers.get(header::IF_MATCH).is_some_and(|value| value.as_bytes() != b"*")
}

impl Conditions {
    async fn change(&self, caller: &Recognised, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let body = match body::read(body, body::API_BODY_BYTES_MAX).await {
            Ok(body) => body,
            Err(problem) => return problem.into_response(),
        };
        // What operators do is told in the deployment's chain, also where they act in a tenant beside that.
        let is_operators = parts.uri.path().starts_with("/api/v1/operator/");
        let tenant = caller.tenant().filter(|_| !is_operators);
        let _turn = self.app.requests().turn(tenant).await;
        let mut response = self.try_change(tenant, (&parts, &body), next.clone()).await;
        for _ in 1..TRIES {
            if response.is_final {
                break;
            }
            response = self.try_change(tenant, (&parts, &body), next.clone()).await;
        }
        self.with_change(caller, parts.uri.path(), response.response).await
    }

    /// Compare, and change where the tag is the one that is named.
    async fn try_change(&self, tenant: Option<TenantId>, (parts, body): (&Parts, &Bytes), next: Next) -> Tried {
        let watch = match self.app.requests().watch(tenant) {
            Ok(watch) => watch,
            Err(error) => return Tried::last(Problem::from(error).into_response()),
        };
        let current = match self.current(parts).await {
            Ok(current) => current,
            Err(refused) => return Tried::last(*refused),
        };
        let mut request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        match current {
            Some(Current { tag, .. }) if !is_named(&parts.headers, &tag) => {
                return Tried::last(stale(&tag).into_response());
            }
            // Its handler compares it once more.
            Some(Current { tag, is_revision: true }) => drop(request.headers_mut().insert(header::IF_MATCH, tag)),
            // What was compared here is no revision, and is not to be taken for one.
            Some(_) => drop(request.headers_mut().remove(header::IF_MATCH)),
            None => {}
        }
        let origin = RequestOrigin::current().unwrap_or_default();
        let origin = RequestOrigin { watch: Some(watch.clone()), ..origin };
        let response = origin.scope(next.run(request)).await;
        Tried { response, is_final: !watch.is_broken() }
    }

    /// What `GET` answers at the address of a change; `None` where it answers no tag, because there is nothing, or nothing
    /// to be read at all. An `Err` is its refusal: what cannot be compared is not changed.
    async fn current(&self, parts: &Parts) -> Result<Option<Current>, Box<Response>> {
        let mut request = Request::new(Body::empty());
        request.uri_mut().clone_from(&parts.uri);
        request.headers_mut().clone_from(&parts.headers);
        for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING, header::IF_MATCH] {
            request.headers_mut().remove(name);
        }
        // Not what the router noted of the path: it notes that again.
        copy::<Recognised>(parts, &mut request);
        copy::<PeerAddress>(parts, &mut request);
        copy::<OwnOrigin>(parts, &mut request);
        let Ok(response) = self.handlers.clone().call(request).await;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
            _ => return Err(Box::new(response)),
        }
        let is_revision = response.headers().contains_key(header::ETAG);
        let response = tagged(&self.app, &HeaderMap::new(), response).await;
        let tag = response.headers().get(header::ETAG).cloned();
        Ok(tag.map(|tag| Current { tag, is_revision }))
    }

    /// An answer that refuses a stale change, with the last change that the audit log knows of the thing.
    async fn with_change(&self, caller: &Recognised, path: &str, response: Response) -> Response {
        let is_stale = response.extensions().get::<Refusal>().is_some_and(|refusal| refusal.code == kinds::STALE.code);
        let (true, Recognised::Principal(principal), Some(thing)) = (is_stale, caller, thing_of(path)) else {
            return response;
        };
        let Ok(Some(change)) = self.app.audit().last_change(principal, thing) else { return response };
        let (mut parts, body) = response.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let Ok(mut problem) = serde_json::from_slice::<Value>(&bytes) else {
            return Response::from_parts(parts, Body::from(bytes));
        };
        problem["last_change"] = json!({
            "at": change.at.to_rfc3339(),
            "action": change.action,
            "user_id": change.user,
            "token_id": change.token,
            "detail": change.detail.and_then(|detail| serde_json::from_str::<Value>(&detail).ok()),
        });
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(problem.to_string()))
    }
}

/// Put what is known of a request into another one.
fn copy<T: Clone + Send + Sync + 'static>(of: &Parts, into: &mut Request) {
    if let Some(known) = of.extensions.get::<T>() {
        into.extensions_mut().insert(known.clone());
    }
}

struct Current {
    tag: HeaderValue,
    is_revision: bool,
}

/// What came of a change.
struct Tried {
    response: Response,
    /// Whether it is the answer; else something was changed between comparing and changing, and nothing was done.
    is_final: bool,
}

impl Tried {
    fn last(response: Response) -> Self {
        Self { response, is_final: true }
    }
}

/// The answer with the tag of what it says, or without its body where the caller has it already.
async fn tagged(app: &App, known: &HeaderMap, response: Response) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let size = response.body().size_hint().exact();
    let is_short = size.is_some_and(|size| size <= TAGGED_BYTES_MAX);
    if response.status() != StatusCode::OK || !is_json || !is_short {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes: Bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let tag = parts.headers.entry(header::ETAG).or_insert_with(|| etag::of_text(&app.requests().tag(&bytes))).clone();
    if etag::is_known(known, &tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether `If-Match` names the tag. It compares strongly: a weak tag is none (RFC 9110, section 13.1.1).
fn is_named(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|named| named.trim().as_bytes() == tag.as_bytes())
}

fn stale(tag: &HeaderValue) -> Problem {
    let problem = Problem::new(&kinds::STALE, "it was changed since you read it: read it again and repeat your change")
        .with_header(header::ETAG, tag.clone());
    match etag::revision_of(tag) {
        Some(revision) => problem.with("current_revision", revision),
        None => problem,
    }
}

/// What the audit log calls the thing at a path, and the kinds of its actions: the id or name behind the name of its kind.
/// Only of those that stand here: a thing of another kind may have the same name, and is not the caller's to know of.
fn thing_of(path: &str) -> Option<(&'static [&'static str], &str)> {
    let parts: Vec<&str> = path.strip_prefix("/api/v1/")?.split('/').collect();
    Some(match parts[..] {
        ["egress"] => (&["egress"], "egress"),
        ["scripts", script, ..] => (&["scripts", "endpoints"], script),
        ["schedules", id] => (&["schedules"], id),
        ["subscriptions", id] => (&["subscriptions"], id),
        ["webhooks", id] => (&["webhooks"], id),
        ["secrets", name] => (&["secrets"], name),
        ["tokens", id] => (&["tokens"], id),
        ["members", id] => (&["members"], id),
        ["roles", name] => (&["roles"], name),
        ["invitations", id] => (&["invitations"], id),
        ["sign-in", "providers", id] => (&["sign_in"], id),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_the_tag_that_it_was_given() {
        let named = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_static(text))]);
            is_named(&headers, &HeaderValue::from_static("\"a1\""))
        };
        assert!(named("\"a1\"") && named("\"b\", \"a1\""));
        assert!(!named("W/\"a1\"") && !named("a1") && !named("\"b\"") && !named(""));
    }

    #[test]
    fn an_address_has_the_methods_of_its_template_alone() {
        let offered = Offered(Arc::from([
            (String::from("/api/v1/egress"), vec![Method::PUT]),
            (String::from("/api/v1/scripts/{script}"), vec![Method::PATCH, Method::DELETE]),
        ]));
        assert!(offered.has(&Method::PUT, "/api/v1/egress") && offered.has(&Method::PATCH, "/api/v1/scripts/a"));
        assert!(!offered.has(&Method::PATCH, "/api/v1/egress") && !offered.has(&Method::PUT, "/api/v1/scripts/a"));
        assert!(!offered.has(&Method::PATCH, "/api/v1/scripts/a/b") && !offered.has(&Method::PATCH, "/api/v1/scripts"));
    }

    #[test]
    fn a_thing_is_named_by_what_follows_its_kind() {
        let object_of = |path| thing_of(path).map(|(_, object)| object);
        assert_eq!(object_of("/api/v1/secrets/key"), Some("key"));
        assert_eq!(object_of("/api/v1/scripts/x/draft"), Some("x"));
        assert_eq!(object_of("/api/v1/egress"), Some("egress"));
        assert_eq!(object_of("/healthz"), None);
    }

    #[test]
    fn a_thing_that_anybody_names_is_none_of_another_kind() {
        assert_eq!(thing_of("/api/v1/storage/egress"), None, "a key is any text, as the name of something else");
        assert_eq!(thing_of("/api/v1/roles/egress"), Some((&["roles"][..], "egress")));
    }
}
