//! The domain's closed sets of words, in JSON and in the OpenAPI document.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, value::CowStrDeserializer},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

macro_rules! words {
    ($($name:ident($set:path) = $schema:literal [$($cases:tt)+];)+) => {
        $(
            #[doc = concat!("One word of `", $schema, "`.")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(crate) struct $name(pub(crate) $set);

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.0.as_str())
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text: Cow<'de, str> = Cow::deserialize(deserializer)?;
                    text.parse().map(Self).map_err(|invalid: domain::Invalid| D::Error::custom(invalid.message))
                }
            }

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let words = $($cases)+.iter().map(|case| case.as_str());
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed($schema)
                }
            }
        )+
    };
}

words! {
    AuditActionWord(domain::AuditAction) = "AuditAction" [domain::AuditAction::ALL];
    AuditOutcomeWord(domain::AuditOutcome) = "AuditOutcome" [domain::AuditOutcome::ALL];
    AuthenticationWord(app::EndpointAuthentication) = "EndpointAuthentication"
        [app::EndpointAuthentication::ALL];
    DeadLetterKindWord(app::DeadLetterKind) = "DeadLetterKind" [app::DeadLetterKind::ALL];
    DeadReasonWord(app::DeadReason) = "DeadReason" [app::DeadReason::ALL];
    DeliveryStatusWord(app::DeliveryStatus) = "DeliveryStatus" [app::DeliveryStatus::ALL];
    ErrorKindWord(domain::ErrorKind) = "ErrorKind" [domain::ErrorKind::ALL];
    KindWord(domain::ScriptKind) = "ScriptKind" [domain::ScriptKind::ALL];
    LanguageWord(domain::Language) = "Language" [domain::Language::ALL];
    OnInterruptWord(domain::OnInterrupt) = "OnInterrupt" [domain::OnInterrupt::ALL];
    PermissionWord(domain::Permission) = "Permission" [domain::Permission::ALL];
    RecordWord(domain::RecordMode) = "RecordMode" [domain::RecordMode::ALL];
    SignInMethodWord(app::SignInMethod) = "SignInMethod" [app::SignInMethod::ALL];
    CatchUpWord(domain::CatchUp) = "CatchUp" [domain::CatchUp::ALL];
    OverlapWord(domain::Overlap) = "Overlap" [domain::Overlap::ALL];
    SlotOutcomeWord(domain::SlotOutcome) = "SlotOutcome" [domain::SlotOutcome::ALL];
    SlotReasonWord(domain::SlotReason) = "SlotReason" [domain::SlotReason::ALL];
    SecretSlotWord(app::SecretSlot) = "EndpointSecretSlot" [[app::SecretSlot::Primary, app::SecretSlot::Secondary]];
    StatusWord(domain::ExecutionStatus) = "ExecutionStatus" [domain::ExecutionStatus::ALL];
    TriggerWord(domain::Trigger) = "Trigger" [domain::Trigger::ALL];
    WhenFullWord(domain::WhenFull) = "WhenFull" [domain::WhenFull::ALL];
}

/// Several words in one parameter of an address, with commas between them; none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Several<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text: Cow<'de, str> = Cow::deserialize(deserializer)?;
        let mut words = Vec::new();
        for word in text.split(',') {
            let word = T::deserialize(CowStrDeserializer::new(Cow::Owned(word.to_owned())))?;
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Ok(Self(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_word_is_refused_with_those_that_there_are() {
        let error = serde_json::from_str::<KindWord>("\"lambda\"").expect_err("no such kind");
        assert!(error.to_string().contains("cron, endpoint, event, embedded, one_off"), "{error}");
    }

    #[test]
    fn several_words_stand_between_commas() {
        let read = |text: &str| serde_json::from_str::<Several<KindWord>>(text).map(|several| several.0);
        let (cron, event) = (KindWord(domain::ScriptKind::Cron), KindWord(domain::ScriptKind::Event));
        assert_eq!(read("\"cron,event,cron\"").expect("words"), [cron, event]);
        for text in ["\"\"", "\"cron,\"", "\"cron, event\"", "\"cron;event\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
