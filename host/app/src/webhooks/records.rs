//! A webhook as it is written and shown, and what it has to be.

use database::Webhook;
use domain::{EventPattern, Invalid, UnixMillis, events::check_name};
use url::Url;

/// The most bytes of an address.
const URL_BYTES_MAX: usize = 2_048;

/// The most bytes of a description.
const DESCRIPTION_BYTES_MAX: usize = 500;

/// The most patterns of one webhook.
const PATTERNS_MAX: usize = 50;

/// A webhook to be made.
#[derive(Clone, Debug)]
pub struct WebhookInput {
    /// Where events are sent: an absolute `https` address.
    pub url: String,
    /// Which types are sent: `order.created`, `order.*`, `*`.
    pub types: Vec<String>,
    /// Only events of this source; `None` for every source.
    pub source: Option<String>,
    /// What it is for, for people.
    pub description: String,
    /// Whether events are sent to it.
    pub is_active: bool,
}

/// What is to be changed of a webhook; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookPatch {
    /// Another address.
    pub url: Option<String>,
    /// Other types, whole.
    pub types: Option<Vec<String>>,
    /// Another source; `Some(None)` for every source.
    pub source: Option<Option<String>>,
    /// Another description.
    pub description: Option<String>,
    /// Whether events are sent to it.
    pub is_active: Option<bool>,
}

/// A webhook as it is shown: everything but its secrets.
#[derive(Clone, Debug)]
pub struct WebhookView {
    /// The record; its target is sealed.
    pub webhook: Webhook,
    /// Where events are sent.
    pub url: String,
    /// Until when everything is signed with the secret before the last one too.
    pub previous_secret_until: Option<UnixMillis>,
}

/// A webhook's record whose every field is what it has to be.
pub(super) struct Record {
    pub(super) url: String,
    pub(super) patterns: Vec<EventPattern>,
    pub(super) source: Option<String>,
    pub(super) description: String,
    pub(super) is_active: bool,
}

impl WebhookPatch {
    /// The whole of `webhook` with these changes.
    pub(super) fn over(self, webhook: &Webhook, url: &str) -> WebhookInput {
        let types = || webhook.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        WebhookInput {
            url: self.url.unwrap_or_else(|| url.to_owned()),
            types: self.types.unwrap_or_else(types),
            source: self.source.unwrap_or_else(|| webhook.source.clone()),
            description: self.description.unwrap_or_else(|| webhook.description.clone()),
            is_active: self.is_active.unwrap_or(webhook.is_active),
        }
    }
}

/// Check the whole of a webhook.
///
/// # Errors
/// Which field is wrong, and what is allowed.
pub(super) fn checked(input: &WebhookInput) -> Result<Record, Invalid> {
    let WebhookInput { types, source, description, is_active, .. } = input;
    if types.is_empty() || types.len() > PATTERNS_MAX {
        return Err(Invalid::new("types", format!("name 1 to {PATTERNS_MAX} types of events")));
    }
    let mut patterns = Vec::with_capacity(types.len());
    for text in types {
        let pattern = EventPattern::parse(text)?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    if let Some(source) = source {
        check_name("source", source)?;
    }
    if description.len() > DESCRIPTION_BYTES_MAX || description.chars().any(char::is_control) {
        let message = format!("a description has at most {DESCRIPTION_BYTES_MAX} bytes and no control characters");
        return Err(Invalid::new("description", message));
    }
    let (source, description) = (source.clone(), description.clone());
    Ok(Record { url: url(&input.url)?, patterns, source, description, is_active: *is_active })
}

/// An address in its one form.
fn url(text: &str) -> Result<String, Invalid> {
    let invalid = |message: &str| Invalid::new("url", message);
    if text.len() > URL_BYTES_MAX {
        return Err(invalid("an address has at most 2 048 bytes"));
    }
    let url = Url::parse(text).map_err(|_| invalid("write an absolute address, as https://example.com/hooks"))?;
    if url.scheme() != "https" {
        return Err(invalid("the address begins with https://: events are sent to nobody who cannot prove his name"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the address holds no user and no password: the signature says who sends"));
    }
    if url.fragment().is_some() {
        return Err(invalid("the address has no part behind '#', which is never sent"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> WebhookInput {
        WebhookInput {
            url: String::from("https://Example.com:443/hooks?x=y"),
            types: vec![String::from("order.*"), String::from("order.*")],
            source: None,
            description: String::new(),
            is_active: true,
        }
    }

    #[test]
    fn an_address_is_kept_in_its_one_form_and_a_pattern_once() {
        let record = checked(&input()).unwrap_or_else(|invalid| panic!("{}", invalid.message));
        assert_eq!(record.url, "https://example.com/hooks?x=y");
        assert_eq!(record.patterns.len(), 1);
    }

    #[test]
    fn what_is_no_webhook_is_refused_by_its_field() {
        let field = |change: &dyn Fn(&mut WebhookInput)| {
            let mut input = input();
            change(&mut input);
            checked(&input).err().map(|invalid| invalid.field)
        };
        for url in ["http://example.com/", "ftp://a/", "/hooks", "", "https://u:p@example.com/", "https://a.com/#b"] {
            assert_eq!(field(&|input| input.url = url.to_owned()), Some("url"), "{url}");
        }
        assert_eq!(field(&|input| input.url = format!("https://a.com/{}", "a".repeat(2_048))), Some("url"));
        assert_eq!(field(&|input| input.types.clear()), Some("types"));
        assert_eq!(field(&|input| input.types = vec![String::from("order.*.x")]), Some("types"));
        assert_eq!(field(&|input| input.types = vec![String::from("a"); 51]), Some("types"));
        assert_eq!(field(&|input| input.source = Some(String::new())), Some("source"));
        assert_eq!(field(&|input| input.description = "a".repeat(501)), Some("description"));
    }
}
