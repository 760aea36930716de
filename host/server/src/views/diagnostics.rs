//! What compiling a source found.

use app::{Diagnostic, Severity};
use serde::Serialize;
use utoipa::ToSchema;

/// One finding, in the author's own positions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diagnostic)]
pub(crate) struct DiagnosticView {
    /// `error` keeps the source from running, `warning` does not.
    #[schema(example = "error")]
    severity: &'static str,
    /// What is wrong.
    message: String,
    /// What to do about it, where that is known.
    advice: Option<String>,
    /// From 1.
    line: u32,
    /// In UTF-16 code units, from 1.
    column: u32,
    /// The author's line and a caret below the column.
    excerpt: String,
}

impl From<&Diagnostic> for DiagnosticView {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: diagnostic.message.clone(),
            advice: diagnostic.advice.clone(),
            line: diagnostic.line,
            column: diagnostic.column,
            excerpt: diagnostic.excerpt.clone(),
        }
    }
}
