//! `/endpoints`: the addresses that scripts answer at; and `/endpoints/{script}`: one of them, how it is called, and what came.

use app::{
    App, AppError, Endpoint, EndpointAuthentication, EndpointMode, EndpointSecretView, Execution, ExecutionFilter,
    NamesAsked, SignatureScheme,
};
use askama::Template;
use axum::{Extension, extract::State};
use domain::{Permission, Principal, ScriptId, Trigger, UserId};
use serde::Deserialize;

use super::{
    answer::{PageError, PageResult, page},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    visit::Visit,
    words::{self, Badge},
};
use crate::web::extract::{Params, ScriptPath};

/// Endpoints of one page.
const PAGE: usize = 50;

/// Requests that are shown of an endpoint.
const REQUESTS: u32 = 20;

/// Where tenants' endpoints answer, as clients see it: `https://hooks.example`.
#[derive(Clone, Debug)]
pub(crate) struct EndpointsAt(pub(crate) String);

/// Which endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EndpointsFilter {
    /// A part of the path or of the script's name.
    text: String,
    authentication: String,
    /// How many come before this page.
    from: String,
}

#[derive(Template)]
#[template(path = "endpoints/list.html")]
struct EndpointsPage {
    frame: Frame,
    filter: EndpointsFilter,
    rows: Vec<Row>,
    next: Option<String>,
    is_empty: bool,
}

/// An endpoint in the list.
struct Row {
    script_id: String,
    script: String,
    methods: String,
    path: String,
    address: String,
    authentication: &'static str,
    mode: &'static str,
    state: Badge,
}

#[derive(Template)]
#[template(path = "endpoints/detail.html")]
struct EndpointPage {
    frame: Frame,
    row: Row,
    curl: String,
    signature: Option<&'static str>,
    body_limit: String,
    rates: Vec<String>,
    cors: Option<String>,
    deduplicates: &'static str,
    set_by: Option<String>,
    set_at: Moment,
    /// `None` where requests are not signed.
    secrets: Option<Vec<SecretRow>>,
    /// `None` where whoever looks may not see executions.
    requests: Option<Vec<RequestRow>>,
    may_rotate: bool,
}

/// A secret that requests are signed with.
struct SecretRow {
    slot: &'static str,
    set_by: String,
    set_at: Moment,
}

/// A request that came.
struct RequestRow {
    id: String,
    status: Badge,
    error: Option<&'static str>,
    at: Moment,
    took: Option<String>,
}

/// The list of endpoints.
pub(crate) async fn endpoints_page(
    State(app): State<App>,
    at: Option<Extension<EndpointsAt>>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<EndpointsFilter>,
) -> PageResult {
    let endpoints = app.endpoints().list(&principal)?;
    let wanted = words::chosen::<EndpointAuthentication>(Some(&filter.authentication))
        .map_err(|_| domain::Invalid::new("authentication", "the authentication is public, token or hmac"))?;
    let from: usize = words::chosen(Some(&filter.from))
        .map_err(|_| domain::Invalid::new("from", "the page begins behind a number of endpoints"))?
        .unwrap_or(0);
    let is_found = |endpoint: &&Endpoint| {
        let has_text = endpoint.route.path().contains(&filter.text) || endpoint.script_name.contains(&filter.text);
        has_text && wanted.is_none_or(|wanted| wanted == endpoint.authentication)
    };
    let found: Vec<&Endpoint> = endpoints.iter().filter(is_found).collect();
    let next = (found.len() > from.saturating_add(PAGE)).then(|| filter.page_from(from + PAGE));
    let rows = found.into_iter().skip(from).take(PAGE).map(|endpoint| Row::of(endpoint, &frame, at.as_deref()));
    page(&EndpointsPage { rows: rows.collect(), next, is_empty: endpoints.is_empty(), filter, frame })
}

/// One endpoint.
pub(crate) async fn endpoint_page(
    State(app): State<App>,
    at: Option<Extension<EndpointsAt>>,
    Visit { principal, frame }: Visit,
    ScriptPath(script): ScriptPath,
) -> PageResult {
    let id = app.scripts().get(&principal, &script)?.script.summary.id;
    let endpoints = app.endpoints().list(&principal)?;
    let endpoint = endpoints.into_iter().find(|endpoint| endpoint.script == id);
    let endpoint = endpoint.ok_or_else(|| PageError::not_found("endpoint"))?;
    let secrets = match endpoint.authentication {
        EndpointAuthentication::Hmac => Some(app.endpoints().secrets(&principal, &script)?),
        EndpointAuthentication::Public | EndpointAuthentication::Token => None,
    };
    let mut people: Vec<UserId> = endpoint.set_by.into_iter().collect();
    people.extend(secrets.iter().flatten().filter_map(|secret| secret.set_by));
    let names =
        app.names().of(&principal, NamesAsked { people: people.into_iter().collect(), ..NamesAsked::default() })?;
    let name = |user: UserId| person(&names, &principal, user);
    let row = Row::of(&endpoint, &frame, at.as_deref());
    let options = &endpoint.options;
    page(&EndpointPage {
        curl: curl(&endpoint, &row.address),
        signature: options.signature.as_ref().map(signature_word),
        body_limit: format::bytes(options.body_limit_bytes),
        rates: rates(&endpoint),
        cors: options.cors.as_ref().map(|cors| cors.origins.join(", ")),
        deduplicates: deduplicates(&endpoint),
        set_by: endpoint.set_by.map(name),
        set_at: frame.moment(&endpoint.set_at),
        secrets: secrets.map(|secrets| secrets.iter().map(|secret| SecretRow::of(secret, &name, &frame)).collect()),
        requests: requests(&app, &principal, id)?
            .map(|requests| requests.iter().map(|request| RequestRow::of(request, &frame)).collect()),
        may_rotate: [Permission::ScriptsDeploy, Permission::SecretsWrite, Permission::EndpointsCall]
            .iter()
            .all(|permission| frame.may(*permission)),
        row,
        frame,
    })
}

fn requests(app: &App, principal: &Principal, script: ScriptId) -> Result<Option<Vec<Execution>>, AppError> {
    let filter =
        ExecutionFilter { script: Some(script), trigger: Some(Trigger::Endpoint), ..ExecutionFilter::default() };
    match app.executions().list(principal, &filter, None, REQUESTS) {
        Ok(found) => Ok(Some(found.executions)),
        Err(AppError::Forbidden(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl EndpointsFilter {
    fn page_from(&self, from: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/endpoints?"));
        for (name, value) in [("text", &self.text), ("authentication", &self.authentication)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("from", &from.to_string());
        query.finish()
    }
}

impl Row {
    fn of(endpoint: &Endpoint, frame: &Frame, at: Option<&EndpointsAt>) -> Self {
        let (class, icon, word) = match (endpoint.is_active, endpoint.version.is_some()) {
            (false, _) => ("neutral", "circle-pause", "Paused"),
            (true, false) => ("neutral", "pencil", "Not deployed"),
            (true, true) => ("success", "circle-check", "Answers"),
        };
        let slug = frame.tenant.as_ref().map_or("", |tenant| tenant.slug.as_str());
        Self {
            script_id: endpoint.script.to_string(),
            script: endpoint.script_name.clone(),
            methods: endpoint.route.method().to_owned(),
            path: endpoint.route.path().to_owned(),
            address: format!("{}/{slug}{}", at.map_or("", |at| at.0.as_str()), endpoint.route.path()),
            authentication: authentication_word(endpoint.authentication),
            mode: match endpoint.options.mode {
                EndpointMode::Sync => "Answers when the script has",
                EndpointMode::Async => "Answers at once, runs later",
            },
            state: Badge { class, icon, word },
        }
    }
}

impl SecretRow {
    fn of(secret: &EndpointSecretView, name: &impl Fn(UserId) -> String, frame: &Frame) -> Self {
        Self {
            slot: secret.slot.as_str(),
            set_by: secret.set_by.map_or_else(|| String::from("nobody any more"), name),
            set_at: frame.moment(&secret.set_at),
        }
    }
}

impl RequestRow {
    fn of(execution: &Execution, frame: &Frame) -> Self {
        Self {
            id: execution.id.to_string(),
            status: words::status(&execution.status),
            error: execution.error_kind.as_ref().map(words::error_kind),
            at: frame.moment(&execution.started_at.unwrap_or(execution.accepted_at)),
            took: execution.duration.map(format::duration),
        }
    }
}

/// A request as one types it. What is not known stands in capitals.
pub(super) fn curl(endpoint: &Endpoint, address: &str) -> String {
    let method = endpoint.route.methods().next().unwrap_or("GET");
    let mut command = format!("curl -X {method} {}", quoted(address));
    match (endpoint.authentication, &endpoint.options.signature) {
        (EndpointAuthentication::Token, _) => command.push_str(" \\\n  -H 'Authorization: Bearer TOKEN'"),
        (EndpointAuthentication::Hmac, Some(scheme)) => {
            for header in signature_headers(scheme) {
                command.push_str(&format!(" \\\n  -H {}", quoted(&header)));
            }
        }
        (EndpointAuthentication::Public | EndpointAuthentication::Hmac, _) => {}
    }
    if method != "GET" {
        command.push_str(" \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'");
    }
    command
}

/// A text as a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn signature_headers(scheme: &SignatureScheme) -> Vec<String> {
    match scheme {
        SignatureScheme::Standard => vec![
            String::from("webhook-id: ID"),
            String::from("webhook-timestamp: SECONDS"),
            String::from("webhook-signature: v1,SIGNATURE"),
        ],
        SignatureScheme::Stripe => vec![String::from("Stripe-Signature: t=SECONDS,v1=SIGNATURE")],
        SignatureScheme::Github => vec![String::from("X-Hub-Signature-256: sha256=SIGNATURE")],
        SignatureScheme::Slack => {
            vec![String::from("X-Slack-Request-Timestamp: SECONDS"), String::from("X-Slack-Signature: v0=SIGNATURE")]
        }
        SignatureScheme::Generic(generic) => {
            let time = generic.timestamp_header.as_ref().map(|header| format!("{header}: SECONDS"));
            time.into_iter().chain([format!("{}: {}SIGNATURE", generic.header, generic.prefix)]).collect()
        }
    }
}

fn signature_word(scheme: &SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::Standard => "Standard Webhooks",
        SignatureScheme::Stripe => "As Stripe signs",
        SignatureScheme::Github => "As GitHub signs",
        SignatureScheme::Slack => "As Slack signs",
        SignatureScheme::Generic(_) => "In a header of its own",
    }
}

fn authentication_word(authentication: EndpointAuthentication) -> &'static str {
    match authentication {
        EndpointAuthentication::Public => "Everybody",
        EndpointAuthentication::Token => "Whoever has a token",
        EndpointAuthentication::Hmac => "Whoever signs the request",
    }
}

fn rates(endpoint: &Endpoint) -> Vec<String> {
    let rate = &endpoint.options.rate;
    let all = rate.per_minute.map(|count| format!("{} a minute in all", format::count(count)));
    let one = rate.per_address_per_minute.map(|count| format!("{} a minute from one address", format::count(count)));
    all.into_iter().chain(one).collect()
}

fn deduplicates(endpoint: &Endpoint) -> &'static str {
    match (endpoint.options.deduplicate, endpoint.authentication) {
        (Some(true), _) => "Answered once",
        (Some(false), _) => "Answered each time",
        (None, EndpointAuthentication::Public) => "Answered each time, as everybody may call",
        (None, EndpointAuthentication::Token | EndpointAuthentication::Hmac) => "Answered once, as callers are known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_text_as_it_is() {
        assert_eq!(quoted("a'b $(c)"), "'a'\\''b $(c)'");
    }
}
