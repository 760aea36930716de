//! The contract of `wit/` as Rust types, generated; and the names under which the rest of the crate uses them.

/// The world `script`: the JavaScript engine.
pub(crate) mod script {
    wasmtime::component::bindgen!({
        world: "script",
        path: "../../wit",
        exports: { default: async },
        additional_derives: [serde::Serialize, serde::Deserialize, PartialEq],
    });
}

/// The world `compiler`.
pub(crate) mod compiler {
    wasmtime::component::bindgen!({
        world: "compiler",
        path: "../../wit",
        exports: { default: async },
        additional_derives: [PartialEq],
    });
}

pub use compiler::skerry::script::source::{Diagnostic, Severity};
pub use script::skerry::script::{
    calls::{Answer, Delivery, Entry, Page, Response as HttpResponse},
    events::Event,
    guest::{Input, Output, Request, Response},
    http::{
        Body as HttpBody, Field as HttpField, FieldValue as HttpFieldValue, Redirect as HttpRedirect,
        Request as HttpRequest, SecretHeader,
    },
    secrets::HmacAlgorithm,
    types::{Error as CallError, Header, LogLevel, Secret},
};

pub(crate) use compiler::skerry::script::source::{Failed, Language as SourceLanguage, Module, Place, ScriptText};
pub(crate) use script::skerry::script::guest::{Failure as GuestFailure, FailureKind, Start};

impl CallError {
    /// The `code` under which JavaScript sees the error, and the words for it.
    pub fn code_and_message(&self) -> (&'static str, &str) {
        match self {
            Self::CapabilityDenied(message) => ("capability_denied", message),
            Self::EgressDenied(message) => ("egress_denied", message),
            Self::InvalidArgument(message) => ("invalid_argument", message),
            Self::OutOfRange(message) => ("out_of_range", message),
            Self::HostcallLimit(message) => ("hostcall_limit", message),
            Self::Quota(message) => ("quota", message),
            Self::Conflict(message) => ("conflict", message),
            Self::NotFound(message) => ("not_found", message),
            Self::Unavailable(message) => ("unavailable", message),
            Self::Unsupported(message) => ("unsupported", message),
            Self::Other(message) => ("other", message),
        }
    }
}
