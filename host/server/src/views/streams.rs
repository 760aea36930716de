//! What is followed, as server-sent events.

use std::convert::Infallible;

use app::{AppError, ExecutionNews, ExecutionWatcher, LogFollower, LogNews};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::json;

use super::{
    executions::{ExecutionSummaryView, LogLineView},
    words::{ErrorKindWord, StatusWord},
};
use crate::web::{error::internal, events};

/// How an execution ended whose log was followed.
#[derive(Debug, Serialize)]
struct LogEnd {
    status: StatusWord,
    error_kind: Option<ErrorKindWord>,
    /// Whether lines were dropped past the log's limits.
    truncated: bool,
}

/// The log of an execution as it is followed. A slow reader is read no further ahead for than one batch of lines.
pub(crate) fn of_log(follower: LogFollower) -> Response {
    let opening = stream::iter([Ok::<_, Infallible>(Bytes::from(events::opening()))]);
    let lines = stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        let (text, is_last) = match follower.next().await {
            Ok(news) => (told(&news), news.is_last()),
            Err(error) => (failed(error), true),
        };
        Some((Ok(Bytes::from(text)), Some(follower).filter(|_| !is_last)))
    });
    events::answer(stream::StreamExt::chain(opening, lines))
}

/// A tenant's executions as they are watched.
pub(crate) fn of_executions(watcher: ExecutionWatcher) -> Response {
    let opening = stream::iter([Ok::<_, Infallible>(Bytes::from(events::opening()))]);
    let news = stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        let (text, is_last) = match watcher.next().await {
            Ok(news) => (watched(&news), news.is_last()),
            Err(error) => (failed(error), true),
        };
        Some((Ok(Bytes::from(text)), Some(watcher).filter(|_| !is_last)))
    });
    events::answer(stream::StreamExt::chain(opening, news))
}

fn watched(news: &ExecutionNews) -> String {
    match news {
        ExecutionNews::Changed(executions) => {
            let event = |execution| events::event("execution", None, &ExecutionSummaryView::from(execution));
            executions.iter().map(event).collect()
        }
        ExecutionNews::Missed => events::event("missed", None, &json!({})),
        ExecutionNews::Quiet => events::HEARTBEAT.to_owned(),
        ExecutionNews::Forbidden => events::event("forbidden", None, &json!({ "permission": "executions.read" })),
        ExecutionNews::Stopping => events::event("stopping", None, &json!({})),
    }
}

fn told(news: &LogNews) -> String {
    match news {
        LogNews::Lines(lines) => {
            let line = |(mark, line): &(app::LogMark, app::LogLine)| {
                events::event("line", Some(mark), &LogLineView::from(line.clone()))
            };
            lines.iter().map(line).collect()
        }
        LogNews::Anew => events::event("anew", Some(&app::LogMark::default()), &json!({})),
        LogNews::Quiet => events::HEARTBEAT.to_owned(),
        LogNews::Ended { status, error_kind, truncated } => {
            let (status, error_kind) = (StatusWord(*status), error_kind.map(ErrorKindWord));
            events::event("end", None, &LogEnd { status, error_kind, truncated: *truncated })
        }
        LogNews::Forbidden => events::event("forbidden", None, &json!({ "permission": "executions.inspect" })),
        LogNews::Stopping => events::event("stopping", None, &json!({})),
    }
}

/// The execution was deleted meanwhile, or the server failed: the operator's log says how.
fn failed(error: AppError) -> String {
    let code = match &error {
        AppError::NotFound { .. } => "not_found",
        error => {
            internal(error);
            "internal"
        }
    };
    events::event("failed", None, &json!({ "code": code }))
}
