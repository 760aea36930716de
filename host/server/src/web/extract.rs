//! The parts of an address as the domain's types. What cannot name anything is answered like what is not there.

use app::{EventPosition, ScriptRef, SecretSlot};
use axum::extract::{FromRequestParts, Path, Query};
use domain::{
    DeadLetterId, ExecutionId, HookPoint, IdentityProviderId, ScheduleId, SecretName, SessionId, SubscriptionId,
    TokenId, WebhookDeliveryId, WebhookId,
};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Problem, kinds};
use crate::views::pages::MAX_LIMIT;

/// The script that the path names, by id or by name.
#[derive(Debug)]
pub(crate) struct ScriptPath(pub(crate) ScriptRef);

/// The script and the version's number that the path names.
#[derive(Debug)]
pub(crate) struct VersionPath(pub(crate) ScriptRef, pub(crate) u32);

/// The execution that the path names.
#[derive(Debug)]
pub(crate) struct ExecutionPath(pub(crate) ExecutionId);

/// The token that the path names.
#[derive(Debug)]
pub(crate) struct TokenPath(pub(crate) TokenId);

/// The identity provider that the path names.
#[derive(Debug)]
pub(crate) struct ProviderPath(pub(crate) IdentityProviderId);

/// The session that the path names.
#[derive(Debug)]
pub(crate) struct SessionPath(pub(crate) SessionId);

/// The secret that the path names.
#[derive(Debug)]
pub(crate) struct SecretPath(pub(crate) SecretName);

/// The extension point that the path names.
#[derive(Debug)]
pub(crate) struct HookPath(pub(crate) HookPoint);

/// The extension point and the script that the path names.
#[derive(Debug)]
pub(crate) struct HookBindingPath(pub(crate) HookPoint, pub(crate) ScriptRef);
/// The schedule that the path names.
#[derive(Debug)]
pub(crate) struct SchedulePath(pub(crate) ScheduleId);
/// The event that the path names, by its position.
#[derive(Debug)]
pub(crate) struct EventPath(pub(crate) EventPosition);

/// The subscription that the path names.
#[derive(Debug)]
pub(crate) struct SubscriptionPath(pub(crate) SubscriptionId);

/// The dead letter that the path names.
#[derive(Debug)]
pub(crate) struct DeadLetterPath(pub(crate) DeadLetterId);

/// The script and the slot of its endpoint's secrets that the path names.
#[derive(Debug)]
pub(crate) struct SecretSlotPath(pub(crate) ScriptRef, pub(crate) SecretSlot);

/// The webhook that the path names.
#[derive(Debug)]
pub(crate) struct WebhookPath(pub(crate) WebhookId);

/// The webhook and the delivery that the path names.
#[derive(Debug)]
pub(crate) struct WebhookDeliveryPath(pub(crate) WebhookId, pub(crate) WebhookDeliveryId);

/// The service that the path names.
#[derive(Debug)]
pub(crate) struct ServicePath(pub(crate) String);

/// The key of a storage entry that the path names. Whether it can be one is the use case's to say.
#[derive(Debug)]
pub(crate) struct StorageKeyPath(pub(crate) String);

/// The collection that the path names.
#[derive(Debug)]
pub(crate) struct CollectionPath(pub(crate) String);

/// The collection and the document's id that the path names. Whether there can be one is the use case's to say.
#[derive(Debug)]
pub(crate) struct DocumentPath(pub(crate) String, pub(crate) String);

/// The query string in the shape `T`; an unknown or malformed parameter is refused by name.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync> FromRequestParts<S> for ScriptPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "script").await?;
        script(&text).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VersionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (text, number): (String, u32) = segments(parts, state, "version").await?;
        Ok(Self(script(&text)?, number))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ExecutionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "execution").await?;
        text.parse().map(Self).map_err(|_| nothing("execution"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SchedulePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "schedule").await?;
        text.parse().map(Self).map_err(|_| nothing("schedule"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "token").await?;
        text.parse().map(Self).map_err(|_| nothing("token"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ProviderPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "identity provider").await?;
        text.parse().map(Self).map_err(|_| nothing("identity provider"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "session").await?;
        text.parse().map(Self).map_err(|_| nothing("session"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SecretPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "secret").await?;
        SecretName::parse(&text).map(Self).map_err(|_| nothing("secret"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "extension point").await?;
        point(&text).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for HookBindingPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (name, text): (String, String) = segments(parts, state, "binding").await?;
        Ok(Self(point(&name)?, script(&text)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "event").await?;
        text.parse().map(Self).map_err(|_| nothing("event"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SubscriptionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "subscription").await?;
        text.parse().map(Self).map_err(|_| nothing("subscription"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DeadLetterPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "dead letter").await?;
        text.parse().map(Self).map_err(|_| nothing("dead letter"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SecretSlotPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (text, slot): (String, String) = segments(parts, state, "secret").await?;
        Ok(Self(script(&text)?, slot.parse().map_err(|_| nothing("secret"))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebhookPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = segments(parts, state, "webhook").await?;
        text.parse().map(Self).map_err(|_| nothing("webhook"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebhookDeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (webhook, delivery): (String, String) = segments(parts, state, "delivery").await?;
        let webhook = webhook.parse().map_err(|_| nothing("webhook"))?;
        Ok(Self(webhook, delivery.parse().map_err(|_| nothing("delivery"))?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ServicePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segments(parts, state, "service").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StorageKeyPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segments(parts, state, "storage entry").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CollectionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        segments(parts, state, "collection").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for DocumentPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (collection, document): (String, String) = segments(parts, state, "document").await?;
        Ok(Self(collection, document))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            let message = rejection.body_text();
            let message = message.strip_prefix("Failed to deserialize query string: ").unwrap_or(&message);
            let (field, message) = message.split_once(": ").unwrap_or(("query", message));
            Problem::field(field, told(field, message))
        })?;
        Ok(Self(params))
    }
}

/// What is wrong with a parameter, for the person who sent it: what reads numbers and ids says only that it could not.
fn told(field: &str, message: &str) -> String {
    if field == "limit" {
        return format!("limit is a number from 1 to {MAX_LIMIT}");
    }
    if message.starts_with("UUID parsing failed") {
        return format!("{field} is an id, as '018f3a6e-4a0b-7c1e-8a52-3c1f6c0a9d11'");
    }
    message.to_owned()
}

pub(super) async fn segments<S: Send + Sync, T: DeserializeOwned + Send>(
    parts: &mut Parts,
    state: &S,
    what: &str,
) -> Result<T, Problem> {
    match Path::from_request_parts(parts, state).await {
        Ok(Path(segments)) => Ok(segments),
        Err(_) => Err(nothing(what)),
    }
}

fn script(text: &str) -> Result<ScriptRef, Problem> {
    ScriptRef::parse(text).map_err(|_| nothing("script"))
}

fn point(text: &str) -> Result<HookPoint, Problem> {
    HookPoint::parse(text).map_err(|_| nothing("extension point"))
}

pub(super) fn nothing(what: &str) -> Problem {
    Problem::new(&kinds::NOT_FOUND, format!("there is no such {what}"))
}
