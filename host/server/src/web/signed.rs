//! Cursors on their way in and out: whoever lists something is given the place in the list with a MAC over it, and the
//! handlers see the place alone. A cursor of another list, filter or tenant is refused (422).

use app::{App, CursorScope};
use axum::{
    extract::{Query, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Method, Uri, uri::PathAndQuery};

use super::{problem::Problem, recognise::Recognised};

/// Parameters that say which page, and not of what.
const OF_THE_PAGE: [&str; 2] = ["cursor", "limit"];

tokio::task_local! {
    static LIST: (App, CursorScope);
}

/// Put the place of the cursor in the request into its address, and let the page that is answered have its cursor signed.
pub(crate) async fn sign_cursors(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()) else {
        return next.run(request).await;
    };
    let caller = request.extensions().get::<Recognised>();
    let (is_known, tenant) = (caller.is_some(), caller.and_then(Recognised::tenant));
    let filters = pairs.iter().filter(|(name, _)| !OF_THE_PAGE.contains(&name.as_str())).cloned().collect();
    let scope = CursorScope { tenant, path: request.uri().path().to_owned(), filters };
    // Two cursors are refused by whoever reads them.
    if let Some((_, cursor)) = pairs.iter().find(|(name, _)| name == "cursor") {
        match app.requests().place(&scope, cursor).and_then(|place| with_place(request.uri(), &pairs, &place)) {
            Some(uri) => *request.uri_mut() = uri,
            // Whoever is nobody is told that by the handler.
            None if is_known => return wrong_cursor().into_response(),
            None => {}
        }
    }
    LIST.scope((app, scope), next.run(request)).await
}

/// The cursor that stands for `place` in the list that the request asks for.
pub(crate) fn cursor(place: String) -> String {
    LIST.try_with(|(app, scope)| app.requests().cursor(scope, &place)).unwrap_or(place)
}

/// What is answered to a cursor that is none of this list.
pub(crate) fn wrong_cursor() -> Problem {
    Problem::field("cursor", "a cursor is the 'next_cursor' of the page before, unchanged, with the same filters")
}

/// The address with the place in its cursor's stead.
fn with_place(uri: &Uri, pairs: &[(String, String)], place: &str) -> Option<Uri> {
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let value = if name == "cursor" { place } else { value.as_str() };
            format!("{}={}", encoded(name), encoded(value))
        })
        .collect();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{}", uri.path(), query.join("&"))).ok()?);
    Uri::from_parts(parts).ok()
}

/// A text as a part of a query: every byte that is no letter, digit or mark that nothing else means is written as `%41`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cursor_is_replaced() {
        let uri = Uri::from_static("/api/v1/scripts?kind=cron&cursor=abc&x=%26");
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else { panic!("no pairs") };
        let replaced = with_place(&uri, &pairs, "a b/ä").map(|uri| uri.to_string());
        assert_eq!(replaced.as_deref(), Some("/api/v1/scripts?kind=cron&cursor=a%20b%2F%C3%A4&x=%26"));
    }
}
