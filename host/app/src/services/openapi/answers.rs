//! From what a service answered to what a script gets: only what the document promises, or an error that says where it
//! was broken and little of the service's own words.

use serde_json::Value;

use super::operation::{Answer, Operation, is_json};
use crate::services::ServiceError;

/// The most characters of a service's own words in a message.
const EXCERPT_CHARS_MAX: usize = 200;

/// An answer, with the token that it was given already taken out of it.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    pub(super) status: u16,
    /// Empty where the answer does not say.
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
}

impl Operation {
    /// What the script gets.
    ///
    /// # Errors
    /// By the status, or [`ServiceError::Unavailable`] for what the document does not promise.
    pub(super) fn read_answer(&self, answered: &Answered<'_>) -> Result<Value, ServiceError> {
        if !(200..300).contains(&answered.status) {
            return Err(answered.refusal());
        }
        let status = answered.status;
        let Some(promised) = self.promised(status) else {
            return Err(ServiceError::Unavailable(format!(
                "it answered {status}, which its document does not promise"
            )));
        };
        if self.method == http::Method::HEAD {
            return Ok(Value::Null);
        }
        let broken = |what: &str| ServiceError::Unavailable(format!("it answered {status} {what}"));
        match promised {
            Answer::Nothing => Ok(Value::Null),
            Answer::Text => {
                let text = std::str::from_utf8(answered.body).map_err(|_| broken("with text that is no UTF-8"))?;
                Ok(Value::String(text.to_owned()))
            }
            Answer::Json(_) if !is_json(answered.content_type) => {
                Err(broken("without the JSON that its document promises"))
            }
            Answer::Json(schema) => {
                let value = serde_json::from_slice(answered.body).map_err(|error| {
                    broken(&format!(
                        "with what is no JSON, or too deep: line {}, column {}",
                        error.line(),
                        error.column()
                    ))
                })?;
                let checked = schema.as_ref().map_or(Ok(()), |schema| schema.check(&value));
                checked.map_err(|error| broken(&format!("with what its document does not promise: {error}")))?;
                Ok(value)
            }
        }
    }

    fn promised(&self, status: u16) -> Option<&Answer> {
        let words = [status.to_string(), format!("{}XX", status / 100), String::from("DEFAULT")];
        words.iter().find_map(|word| self.answers.iter().find(|(known, _)| known == word).map(|(_, answer)| answer))
    }
}

impl Answered<'_> {
    /// Why the service did not do it.
    fn refusal(&self) -> ServiceError {
        let status = self.status;
        let message = match self.title() {
            Some(title) => format!("it answered {status}: {title}"),
            None => format!("it answered {status}"),
        };
        match status {
            300..400 => ServiceError::Unavailable(format!("it answered {status}: a service is not followed elsewhere")),
            400 | 405 | 406 | 411 | 413 | 414 | 415 | 422 => ServiceError::InvalidArgument(message),
            403 => ServiceError::Denied(message),
            404 | 410 => ServiceError::NotFound(message),
            409 | 412 => ServiceError::Conflict(message),
            _ => ServiceError::Unavailable(message),
        }
    }

    /// The service's own words, where it has them in a form that is known: a problem's title (RFC 9457), or a message.
    fn title(&self) -> Option<String> {
        if !is_json(self.content_type) {
            return None;
        }
        let body: Value = serde_json::from_slice(self.body).ok()?;
        let title = ["title", "message", "error"].iter().find_map(|word| body.get(word)?.as_str())?;
        let plain = title.chars().map(|c| if c.is_control() { ' ' } else { c });
        Some(plain.take(EXCERPT_CHARS_MAX).collect::<String>().trim().to_owned()).filter(|title| !title.is_empty())
    }
}
