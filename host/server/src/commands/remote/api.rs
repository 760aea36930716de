//! `skerry api`: any call of the API, for what has no words of its own here.

use std::process::ExitCode;

use clap::Args;
use http::Method;

use super::{CliError, Remote, Session, lists::json_argument, with_session};
use crate::remote::Call;

/// `skerry api`
#[derive(Args, Debug)]
pub(crate) struct Api {
    /// GET, POST, PUT, PATCH or DELETE
    method: Method,
    /// The path below /api/v1, as /hooks/order.validate/bindings
    path: String,
    /// The body: JSON, @FILE for a file with it, or - for the standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    body: Option<String>,
    /// The ETag that what is changed must still have
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn api(arguments: &Api) -> ExitCode {
    with_session(&arguments.remote, async |session: Session| {
        let (path, query) = arguments.path.split_once('?').unwrap_or((&arguments.path, ""));
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.starts_with(&["api"]) {
            return Err(CliError::Usage(String::from("the path is named below /api/v1, as /scripts")));
        }
        let mut call = Call::new(arguments.method.clone(), &segments).if_match(arguments.if_match.as_deref());
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        for (name, value) in &pairs {
            call = call.query(name, Some(value));
        }
        if let Some(body) = &arguments.body {
            call = call.body(json_argument(body)?);
        }
        session.show(call).await
    })
}
