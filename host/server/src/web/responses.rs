//! The problems that operations answer with, in groups, for the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    IntoResponses, PartialSchema, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Responses, Schema},
};

use super::problem::{Kind, kinds};

/// A problem in the form of RFC 9457 (`application/problem+json`).
#[derive(Debug, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "urn:skerry:problem:not_found", "title": "There is nothing here", "status": 404,
    "detail": "there is no such script", "code": "not_found"
}))]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct ProblemBody {
    /// `urn:skerry:problem:` and the code.
    r#type: String,
    /// The kind in a few words, the same in every case.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What happened, for whoever sent the request.
    detail: String,
    /// The stable word to decide by.
    code: String,
    /// With `invalid`: which fields, and what is wrong with each.
    errors: Option<Vec<FieldError>>,
    /// With `source`: the findings, as in a compiled script's `warnings`.
    #[schema(value_type = Option<Vec<crate::views::diagnostics::DiagnosticView>>)]
    diagnostics: Option<()>,
    /// With problems of one execution: which.
    execution_id: Option<uuid::Uuid>,
    /// With problems of an extension point: `failed_closed` or `refused`.
    outcome: Option<String>,
    /// With problems of an extension point: the scripts that ran.
    results: Option<Vec<crate::views::hooks::HookResultView>>,
    /// With problems of an extension point: the scripts that did not.
    not_run: Option<Vec<crate::views::hooks::HookNotRunView>>,
}

/// One field that is not as it has to be.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct FieldError {
    /// The path of the field.
    field: String,
    /// What is wrong and what is allowed.
    message: String,
}

macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident = [$($kind:ident),+ $(,)?];)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    answers(&[$(&kinds::$kind),+])
                }
            }
        )+
    };
}

groups! {
    /// Of operations that read one thing.
    ReadProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INTERNAL];
    /// Of operations that list things.
    ListProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, INTERNAL];
    /// Of making a script.
    CreateProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NAME_TAKEN, ROUTE_TAKEN, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, SOURCE, QUOTA, INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of changing a script's settings.
    SettingsProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, ROUTE_TAKEN, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of deploying a draft.
    DraftProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, SOURCE, PRECONDITION_REQUIRED, QUOTA, INTERNAL, OVERLOADED, UNAVAILABLE,
        STORAGE_FULL
    ];
    /// Of changing a draft, with settings or without.
    SaveProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, ROUTE_TAKEN, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, SOURCE, PRECONDITION_REQUIRED, QUOTA, INTERNAL, OVERLOADED, UNAVAILABLE,
        STORAGE_FULL
    ];
    /// Of checking a source.
    CheckProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        QUOTA, INTERNAL, OVERLOADED
    ];
    /// Of testing a script.
    TestProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
        INVALID, SOURCE, QUOTA, INTERNAL, OVERLOADED, CHAIN_TOO_LONG
    ];
    /// Of making a schedule.
    ScheduleProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA,
        INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of changing a schedule.
    ScheduleChangeProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of looking at an expression's next runs.
    PreviewProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL
    ];
    /// Of changes that need no body.
    ChangeProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INTERNAL, UNAVAILABLE, STORAGE_FULL];
    /// Of cancelling an execution.
    CancelProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, ALREADY_ENDED, INTERNAL, UNAVAILABLE, STORAGE_FULL];
    /// Of running a script.
    RunProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NOT_DEPLOYED, PAUSED, ORPHANED,
        CONCURRENCY_FULL, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, BREAKER_OPEN, OVERLOADED, UNAVAILABLE, CHAIN_TOO_LONG, STORAGE_FULL
    ];
    /// Of making a token.
    TokenProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of writing a secret.
    SecretProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, VALUE_REQUIRED, QUOTA, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of setting what requests to an endpoint are signed with.
    EndpointSecretProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
        INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of removing a secret.
    SecretRemovalProblems = [
        UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of changing the hosts that scripts may reach.
    EgressProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of calling an extension point.
    HookProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
        INVALID, HOOK_FAILED, QUOTA, INTERNAL, OVERLOADED, UNAVAILABLE, CHAIN_TOO_LONG, STORAGE_FULL
    ];
    /// Of setting which scripts run at an extension point.
    HookBindingProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
        INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of setting a webhook.
    WebhookProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of replaying an execution.
    ReplayProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NOT_RECORDED, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, SOURCE, QUOTA, INTERNAL, OVERLOADED
    ];
    /// Of reading what a tenant uses.
    UsageProblems = [UNAUTHENTICATED, FORBIDDEN, INTERNAL];
    /// Of running an execution again.
    RetryProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NOT_DEPLOYED, PAUSED, ORPHANED,
        CONCURRENCY_FULL, NOT_ENDED, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, UNAVAILABLE,
        STORAGE_FULL
    ];
    /// Of doing something to many at once. What each is refused for stands in the answer.
    BulkProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of publishing an event.
    PublishProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        QUOTA, INTERNAL, UNAVAILABLE, CHAIN_TOO_LONG, STORAGE_FULL
    ];
    /// Of making and changing a subscription.
    SubscriptionProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, SUBSCRIPTION_EXISTS, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of sending a dead letter again.
    RedriveProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, ALREADY_REDRIVEN, NOT_DEPLOYED, PAUSED, ORPHANED,
        BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of signing in.
    SignInProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, SIGN_IN_FAILED, CROSS_SITE, LAST_ADMIN, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        TOO_MANY_ATTEMPTS, INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of asking how people sign in.
    MethodsProblems = [INVALID, INTERNAL];
    /// Of beginning to sign in by an identity provider.
    OpenIdProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, CROSS_SITE, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL,
        PROVIDER_FAILED, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of coming back from one.
    OpenIdReturnProblems = [
        SIGN_IN_FAILED, LAST_ADMIN, INVALID, INTERNAL, PROVIDER_FAILED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of making an identity provider known.
    ProviderProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, TOO_MANY, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of setting an identity provider anew.
    ProviderChangeProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, VALUE_REQUIRED, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of setting a password by a link.
    ResetProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, CROSS_SITE, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL,
        OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of reading what a session is.
    SessionProblems = [UNAUTHENTICATED, INTERNAL];
    /// Of ending sessions.
    SessionEndProblems = [UNAUTHENTICATED, NOT_FOUND, INTERNAL, UNAVAILABLE, STORAGE_FULL];
    /// Of changing what a session acts in.
    SessionChangeProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of changing one's own password.
    PasswordProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID,
        TOO_MANY_ATTEMPTS, INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of inviting somebody, and of making and changing roles.
    PeopleProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NAME_TAKEN, OWN_ROLE, TOO_MANY, STALE,
        BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of changing a member.
    MemberProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, LAST_ADMIN, OWN_ROLE, STALE,
        BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of removing a member.
    MemberRemovalProblems = [
        UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, LAST_ADMIN, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of deleting a role.
    RoleRemovalProblems = [
        UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, ROLE_IN_USE, STALE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of presenting an invitation.
    InvitationProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, NOT_FOUND, ALREADY_MEMBER, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of taking an invitation as somebody new.
    InvitationSignInProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, SIGN_IN_FAILED, CROSS_SITE, NOT_FOUND, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
        INVALID, INTERNAL, OVERLOADED, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of what operators make and change.
    OperatorProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NAME_TAKEN, LAST_OPERATOR, TENANT_DELETED,
        TOO_MANY, STALE, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of what operators remove.
    OperatorRemovalProblems = [
        UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, PLAN_IN_USE, TENANT_DELETED, STALE, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of writing a storage entry.
    StorageProblems = [
        MALFORMED_JSON, JSON_TOO_DEEP, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE, INVALID, QUOTA, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of removing a storage entry.
    StorageRemovalProblems = [
        UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, STALE, INTERNAL, UNAVAILABLE, STORAGE_FULL
    ];
    /// Of following a list.
    WatchProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_ACCEPTABLE, QUOTA, INTERNAL, OVERLOADED];
    /// Of following something.
    StreamProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, QUOTA, INTERNAL, OVERLOADED];
    /// Of reading what was recorded.
    RecordProblems = [UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, NOT_RECORDED, INTERNAL];
}

/// What every operation answers that needs to know who acts, beside what it is refused for itself.
const OF_CALLERS: [&Kind; 4] =
    [&kinds::TENANT_SUSPENDED, &kinds::CROSS_SITE, &kinds::PASSWORD_CHANGE_REQUIRED, &kinds::NO_TENANT];

/// One response for each status; where several kinds share one, it names them all.
fn answers(of: &[&Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut codes: BTreeMap<String, Vec<&Kind>> = BTreeMap::new();
    let of_callers = OF_CALLERS.iter().filter(|_| of.contains(&&kinds::UNAUTHENTICATED));
    for kind in of.iter().chain(of_callers) {
        codes.entry(kind.status.as_str().to_owned()).or_default().push(kind);
    }
    codes.into_iter().map(|(status, kinds)| (status, answer(&kinds).into())).collect()
}

fn answer(kinds: &[&Kind]) -> Response {
    let lines: Vec<String> = kinds.iter().map(|kind| format!("`{}`: {}.", kind.code, kind.title)).collect();
    let schema: RefOr<Schema> = Ref::from_schema_name("Problem").into();
    let content = Content::builder().schema(Some(schema)).example(kinds.first().map(|kind| {
        json!({
            "type": format!("urn:skerry:problem:{}", kind.code), "title": kind.title, "status": kind.status.as_u16(),
            "detail": "…", "code": kind.code
        })
    }));
    ResponseBuilder::new().description(lines.join(" ")).content("application/problem+json", content.build()).build()
}

/// Add to an operation's answers those of these kinds that it does not name yet.
pub(crate) fn add(responses: &mut Responses, kinds: &[&Kind]) {
    for (status, added) in answers(kinds) {
        match (responses.responses.get_mut(&status), added) {
            (Some(RefOr::T(known)), RefOr::T(added)) => {
                let named = added.description.split('`').nth(1).unwrap_or_default();
                if !known.description.contains(&format!("`{named}`")) {
                    known.description = format!("{} {}", known.description, added.description);
                }
            }
            (Some(_), _) => {}
            (None, added) => drop(responses.responses.insert(status, added)),
        }
    }
}

/// The schemas that the groups refer to.
pub(crate) fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(String::from("Problem"), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    schemas
}
