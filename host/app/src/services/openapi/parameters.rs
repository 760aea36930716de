//! The parameters of an operation: where each stands in the request, and which a script can never set (RULES 34).

use serde_json::{Value, json};

use super::{operation::Found, references::resolved, template::PathTemplate};

/// A parameter that a script passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) is_required: bool,
    /// Whether each element of a list is a parameter of its own in the query.
    pub(super) is_exploded: bool,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// Headers that OpenAPI itself says a document does not describe.
const IGNORED: [&str; 3] = ["accept", "authorization", "content-type"];

/// Headers that are Skerry's, the connection's or a proxy's to set.
const RESERVED: [&str; 20] = [
    "accept-charset",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
const RESERVED_PREFIXES: [&str; 5] = ["proxy-", "sec-", "skerry-", "x-forwarded-", "x-real-"];

/// The header that Skerry fills by itself.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The parameters of an operation, each with its schema as the document has it; and whether the operation takes an
/// `Idempotency-Key`, which is no parameter because Skerry sends it.
///
/// # Errors
/// The first parameter that cannot be one.
pub(super) fn read(found: &Found<'_>, template: &PathTemplate) -> Result<(Vec<(Parameter, Value)>, bool), String> {
    let mut parameters: Vec<(Parameter, Value)> = Vec::new();
    let mut takes_key = false;
    for owner in [found.item, found.operation] {
        for value in owner.get("parameters").and_then(Value::as_array).into_iter().flatten() {
            match parameter(resolved(found.document, value)?)? {
                Read::Key => takes_key = true,
                Read::Ignored => {}
                Read::Parameter(parameter, schema) => {
                    let is_same = |(known, _): &(Parameter, Value)| {
                        known.name == parameter.name && known.place == parameter.place
                    };
                    parameters.retain(|known| !is_same(known));
                    parameters.push((parameter, schema));
                }
            }
        }
    }
    check_names(&parameters, template)?;
    Ok((parameters, takes_key))
}

enum Read {
    /// The key that Skerry sends.
    Key,
    Ignored,
    Parameter(Parameter, Value),
}

fn parameter(value: &Value) -> Result<Read, String> {
    let text = |word: &str| value.get(word).and_then(Value::as_str);
    let name = text("name").filter(|name| !name.is_empty()).ok_or("a parameter has no name")?;
    let place = match text("in") {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("cookie") => return Err(format!("the parameter '{name}' is a cookie: Skerry sends none")),
        _ => return Err(format!("the parameter '{name}' says neither 'path', 'query' nor 'header'")),
    };
    if place == Place::Header
        && let Some(read) = reserved(name)?
    {
        return Ok(read);
    }
    if name == "__proto__" {
        return Err(String::from("a parameter cannot be called '__proto__'"));
    }
    let usual = if place == Place::Query { "form" } else { "simple" };
    let style = text("style").unwrap_or(usual);
    if style != usual || value.get("content").is_some() || value.get("allowReserved") == Some(&Value::Bool(true)) {
        return Err(format!(
            "the parameter '{name}' is not written as '{usual}', which is the only style that is sent"
        ));
    }
    let is_exploded = value.get("explode").and_then(Value::as_bool).unwrap_or(true);
    let is_required = place == Place::Path || value.get("required") == Some(&Value::Bool(true));
    let mut schema = value.get("schema").cloned().unwrap_or_else(|| json!({}));
    if let (Some(description), Some(schema)) = (value.get("description"), schema.as_object_mut())
        && !schema.contains_key("$ref")
    {
        schema.insert(String::from("description"), description.clone());
    }
    Ok(Read::Parameter(Parameter { name: name.to_owned(), place, is_required, is_exploded }, schema))
}

/// What to do with a header that is no script's to set; `None` for any other.
fn reserved(name: &str) -> Result<Option<Read>, String> {
    let lower = name.to_ascii_lowercase();
    if lower == IDEMPOTENCY_KEY {
        return Ok(Some(Read::Key));
    }
    if IGNORED.contains(&lower.as_str()) {
        return Ok(Some(Read::Ignored));
    }
    if RESERVED.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(format!("the parameter '{name}' is a header that no script may set: take it out of the document"));
    }
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(format!("the parameter '{name}' is no name of a header"));
    }
    Ok(None)
}

fn check_names(parameters: &[(Parameter, Value)], template: &PathTemplate) -> Result<(), String> {
    for (at, (parameter, _)) in parameters.iter().enumerate() {
        let name = &parameter.name;
        if parameters[..at].iter().any(|(other, _)| other.name == *name) {
            return Err(format!("two parameters are called '{name}': rename one, they are passed in one object"));
        }
        if parameter.place == Place::Path && !template.names().any(|known| known == name) {
            return Err(format!("the path has no place for the parameter '{name}'"));
        }
    }
    let is_described =
        |name: &&str| parameters.iter().any(|(known, _)| known.place == Place::Path && known.name == **name);
    match template.names().find(|name| !is_described(name)) {
        Some(name) => Err(format!("the parameter '{name}' of the path is not described")),
        None => Ok(()),
    }
}
