//! What is found in a script, before it is shown to its author.

use oxc::diagnostics::{OxcDiagnostic, Severity as OxcSeverity};

use crate::{
    contract::skerry::script::source::{Diagnostic, Severity},
    source::{Source, visible},
};

/// More would not be read: the first mistakes explain the later ones.
const MAX_SHOWN: usize = 20;

/// Messages quote the author's text, which may be one name of a mebibyte.
const MAX_TEXT_CHARS: usize = 300;

/// Something to tell the author, at a byte of the text.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    severity: Severity,
    message: String,
    advice: Option<String>,
    offset: u32,
}

impl Finding {
    /// Something that keeps the script from being saved.
    pub(crate) fn error(offset: u32, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), advice: Some(advice.into()), offset }
    }

    /// Something that is probably not what the author meant.
    pub(crate) fn warning(offset: u32, message: impl Into<String>, advice: Option<String>) -> Self {
        Self { severity: Severity::Warning, message: message.into(), advice, offset }
    }

    /// The byte of the text that it is about.
    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self.severity, Severity::Error)
    }
}

impl From<OxcDiagnostic> for Finding {
    fn from(diagnostic: OxcDiagnostic) -> Self {
        let inner = diagnostic.inner_owned();
        let offset = inner.labels.first().map_or(0, |label| label.offset());
        let severity = if inner.severity == OxcSeverity::Error { Severity::Error } else { Severity::Warning };
        Self { severity, message: inner.message.into_owned(), advice: inner.help.map(Into::into), offset }
    }
}

/// The findings as the author sees them: in the order of the text, the first [`MAX_SHOWN`].
pub(crate) fn show(source: &Source<'_>, mut findings: Vec<Finding>) -> Vec<Diagnostic> {
    findings.sort_by_key(|finding| finding.offset);
    findings.truncate(MAX_SHOWN);
    findings.into_iter().map(|finding| show_one(source, finding)).collect()
}

fn show_one(source: &Source<'_>, finding: Finding) -> Diagnostic {
    let place = source.place(finding.offset);
    Diagnostic {
        severity: finding.severity,
        message: shown(&finding.message),
        advice: finding.advice.as_deref().map(shown),
        line: place.line,
        column: place.column,
        excerpt: place.excerpt(),
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_TEXT_CHARS).map(visible).collect();
    if text.chars().nth(MAX_TEXT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
