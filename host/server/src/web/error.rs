//! From the use cases' errors to problems: the one place where an error meets a status.

use std::{error::Error, time::Duration};

use app::{AppError, Refusal};
use domain::Invalid;
use http::header;
use serde_json::Value;

use super::{
    etag,
    problem::{Problem, kinds},
};
use crate::views::diagnostics::DiagnosticView;

/// How to be known, for whoever is not.
const CHALLENGE: &str = "Bearer realm=\"skerry\"";

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Unauthenticated => unauthenticated(),
            error @ AppError::SignInFailed => {
                Self::new(&kinds::SIGN_IN_FAILED, error.to_string()).with_header(header::WWW_AUTHENTICATE, CHALLENGE)
            }
            error @ AppError::ProviderFailed => Self::new(&kinds::PROVIDER_FAILED, error.to_string()),
            AppError::TooManyAttempts { retry_after } => {
                let wait = seconds(retry_after);
                let detail = format!("too many attempts have failed: try again in {wait} s");
                Self::new(&kinds::TOO_MANY_ATTEMPTS, detail).with_header(header::RETRY_AFTER, wait)
            }
            AppError::Forbidden(forbidden) => {
                let permission = forbidden.permission.as_str();
                Self::new(&kinds::FORBIDDEN, forbidden.to_string()).with("permission", permission)
            }
            error @ AppError::NotOperator => Self::new(&kinds::FORBIDDEN, error.to_string()),
            AppError::PasswordChangeRequired => {
                Self::new(&kinds::PASSWORD_CHANGE_REQUIRED, "change your password first: PUT /api/v1/session/password")
            }
            AppError::NoTenant => Self::new(
                &kinds::NO_TENANT,
                "choose a tenant that you belong to, and that is active: POST /api/v1/session/tenant",
            ),
            error @ AppError::TenantSuspended { .. } => Self::new(&kinds::TENANT_SUSPENDED, error.to_string()),
            AppError::Refused(refusal) => refused(refusal),
            AppError::NotFound { what } => Self::new(&kinds::NOT_FOUND, format!("there is no such {what}")),
            AppError::Invalid(invalid) => invalid.into(),
            AppError::Source { diagnostics } => {
                let detail = diagnostics.first().map_or("the source does not compile", |first| &first.message);
                let views: Vec<DiagnosticView> = diagnostics.iter().map(DiagnosticView::from).collect();
                let views = serde_json::to_value(views).unwrap_or(Value::Null);
                Self::new(&kinds::SOURCE, detail).with("diagnostics", views)
            }
            AppError::NameTaken { name } => {
                Self::new(&kinds::NAME_TAKEN, format!("'{name}' is taken already: choose another name"))
            }
            AppError::RouteTaken { method, path } => Self::new(
                &kinds::ROUTE_TAKEN,
                format!("another script answers '{method} {path}' already: choose another address"),
            ),
            AppError::Stale { current_revision } => stale(current_revision),
            AppError::ValueRequired => Self::new(
                &kinds::VALUE_REQUIRED,
                "send the secret's value with its new origins: nobody sends a value to a place of his own that he does \
                 not know",
            ),
            AppError::NotDeployed => {
                Self::new(&kinds::NOT_DEPLOYED, "the script has no deployed version yet: deploy it first")
            }
            AppError::NotRecorded => Self::new(&kinds::NOT_RECORDED, AppError::NotRecorded.to_string()),
            AppError::Paused => Self::new(&kinds::PAUSED, "the script is paused: set 'is_active' to run it again"),
            error @ AppError::Orphaned => Self::new(&kinds::ORPHANED, error.to_string()),
            error @ AppError::ConcurrencyFull { .. } => Self::new(&kinds::CONCURRENCY_FULL, error.to_string()),
            ref error @ AppError::Ended { status } => {
                Self::new(&kinds::ALREADY_ENDED, error.to_string()).with("execution_status", status.as_str())
            }
            error @ AppError::NotEnded => Self::new(&kinds::NOT_ENDED, error.to_string()),
            AppError::BreakerOpen { retry_after } => {
                let detail = "the script failed again and again and rests for a while; its next execution tries it";
                Self::new(&kinds::BREAKER_OPEN, detail).with_header(header::RETRY_AFTER, seconds(retry_after))
            }
            AppError::Quota { quota, limit, retry_after } => {
                let wait = seconds(retry_after);
                let way = match quota {
                    "storage_bytes" => {
                        "remove stored values, documents or dead letters (events go after 30 days), and "
                    }
                    _ => "",
                };
                let detail = format!("the tenant's quota '{quota}' of {limit} is used up: {way}try again in {wait} s");
                Self::new(&kinds::QUOTA, detail)
                    .with("quota", quota)
                    .with("limit", limit)
                    .with("resets_in_s", wait)
                    .with_header(header::RETRY_AFTER, wait)
            }
            error @ AppError::SubscriptionExists { first } => {
                Self::new(&kinds::SUBSCRIPTION_EXISTS, error.to_string()).with("subscription_id", first.to_string())
            }
            error @ AppError::AlreadyRedriven => Self::new(&kinds::ALREADY_REDRIVEN, error.to_string()),
            error @ AppError::ChainTooLong => Self::new(&kinds::CHAIN_TOO_LONG, error.to_string()),
            AppError::Overloaded { retry_after } => {
                Self::new(&kinds::OVERLOADED, "too many executions are waiting: try again in a while")
                    .with_header(header::RETRY_AFTER, seconds(retry_after))
            }
            AppError::StorageFull => {
                Self::new(&kinds::STORAGE_FULL, "the disk is full: nothing was written; free some room and try again")
            }
            AppError::Unavailable => {
                Self::new(&kinds::UNAVAILABLE, "the database takes no writes now; nothing was written")
            }
            AppError::Internal(source) => internal(source.as_ref()),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::field(invalid.field, invalid.message)
    }
}

/// Nobody, or nobody that is known: RFC 6750 asks for the header.
pub(crate) fn unauthenticated() -> Problem {
    Problem::new(&kinds::UNAUTHENTICATED, "sign in, or send a valid API token as 'Authorization: Bearer sk_…'")
        .with_header(header::WWW_AUTHENTICATE, CHALLENGE)
}

/// What is not to be with people, tenants and plans, whoever asks.
fn refused(refusal: Refusal) -> Problem {
    let kind = match refusal {
        Refusal::LastAdmin => &kinds::LAST_ADMIN,
        Refusal::LastOperator => &kinds::LAST_OPERATOR,
        Refusal::RoleInUse => &kinds::ROLE_IN_USE,
        Refusal::OwnRole => &kinds::OWN_ROLE,
        Refusal::PlanInUse => &kinds::PLAN_IN_USE,
        Refusal::AlreadyMember => &kinds::ALREADY_MEMBER,
        Refusal::Deleted => &kinds::TENANT_DELETED,
        Refusal::TooMany { .. } => &kinds::TOO_MANY,
    };
    Problem::new(kind, refusal.to_string())
}

fn stale(current_revision: i64) -> Problem {
    Problem::new(&kinds::STALE, "it was changed since you read it: read it again and repeat your change")
        .with("current_revision", current_revision)
        .with_header(header::ETAG, etag::of_revision(current_revision))
}

/// The host failed: whoever asked learns only that, the operator's log has the chain.
pub(crate) fn internal(error: &(dyn Error + 'static)) -> Problem {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = %chain, "a request failed inside the server");
    Problem::new(&kinds::INTERNAL, "the server failed; its log says why, under the id in 'X-Request-Id'")
}

/// Whole seconds, rounded up, as `Retry-After` has them; at least one.
pub(crate) fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn retry_after_is_never_less_than_the_wait() {
        assert_eq!(seconds(Duration::ZERO), 1);
        assert_eq!(seconds(Duration::from_millis(1001)), 2);
    }

    #[test]
    fn an_error_of_the_host_tells_the_caller_nothing_of_itself() {
        let problem = Problem::from(AppError::Internal("a path on this machine".into()));
        assert_eq!(problem.kind(), &kinds::INTERNAL);
        assert!(!problem.detail().contains("path"));
    }

    #[test]
    fn a_stale_write_is_answered_with_the_current_revision() {
        let response = Problem::from(AppError::Stale { current_revision: 7 }).into_response();
        assert_eq!(response.headers()[header::ETAG], "\"7\"");
    }
}
