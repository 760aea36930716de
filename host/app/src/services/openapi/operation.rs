//! One operation of an OpenAPI document as a method: what it takes, how that is sent, and what may come back.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    checks::Schema,
    parameters::{self, Parameter},
    references::resolved,
    schemas::{Dialect, Taker},
    template::PathTemplate,
};
use crate::services::{ServiceMethod, ServiceParameter, names};

/// An operation, ready to be called.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) template: PathTemplate,
    pub(super) parameters: Vec<Parameter>,
    /// What the parameters are checked against, as one object.
    pub(super) parameters_schema: Option<Schema>,
    pub(super) body: Option<Body>,
    /// What may come back, by the document's words for the status: `200`, `2XX`, `default`.
    pub(super) answers: Vec<(String, Answer)>,
    /// Whether it may be sent again when no answer came: its method is idempotent, or it takes an `Idempotency-Key`.
    pub(super) may_be_sent_again: bool,
}

/// The body that an operation takes.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) is_required: bool,
    pub(super) schema: Option<Schema>,
}

/// What an operation answers with.
#[derive(Debug)]
pub(super) enum Answer {
    /// JSON, of this schema where the document has one.
    Json(Option<Schema>),
    /// Plain text.
    Text,
    /// No body.
    Nothing,
}

/// An operation as it stands in the document.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) document: &'a Value,
    pub(super) dialect: Dialect,
    pub(super) path: &'a str,
    pub(super) item: &'a Value,
    pub(super) verb: &'a str,
    pub(super) operation: &'a Value,
}

impl Found<'_> {
    /// The name of its method: its `operationId` as a name, or else its verb and path.
    pub(super) fn name(&self) -> String {
        let id = self.operation.get("operationId").and_then(Value::as_str);
        id.map_or_else(|| names::camel_case(&format!("{} {}", self.verb, self.path)), names::camel_case)
    }

    /// Read it.
    ///
    /// # Errors
    /// The first thing in it that a method cannot be made of.
    pub(super) fn read(&self) -> Result<(Operation, ServiceMethod), String> {
        let name = self.name();
        if !names::is_service_name(&name) {
            let rule = names::NAME_RULE;
            return Err(format!("'{name}' is no name for a method: give the operation another operationId ({rule})"));
        }
        let method =
            Method::from_bytes(self.verb.to_ascii_uppercase().as_bytes()).map_err(|error| error.to_string())?;
        let template = PathTemplate::parse(self.path)?;
        let (parameters, takes_key) = parameters::read(self, &template)?;
        let parameters_form = (!parameters.is_empty()).then(|| self.parameters_form(&parameters)).transpose()?;
        let body = self.body()?;
        let answers = self.answers()?;
        let described = ServiceMethod {
            name,
            description: self.description(),
            parameters: described_parameters(&parameters, parameters_form.as_ref(), body.as_ref()),
            answer: described_answer(&answers),
        };
        let idempotent = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(&method);
        let operation = Operation {
            may_be_sent_again: idempotent || takes_key,
            method,
            template,
            parameters_schema: parameters_form.as_ref().map(compiled).transpose()?,
            parameters: parameters.into_iter().map(|(parameter, _)| parameter).collect(),
            body: body.map(|body| body.compiled()).transpose()?,
            answers: answers.into_iter().map(ReadAnswer::compiled).collect::<Result<_, _>>()?,
        };
        Ok((operation, described))
    }

    fn description(&self) -> String {
        let text = |word: &str| self.operation.get(word).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let texts: Vec<&str> =
            [text("summary"), text("description")].into_iter().filter(|text| !text.is_empty()).collect();
        texts.join("\n\n")
    }

    /// All parameters as the schema of one object.
    fn parameters_form(&self, parameters: &[(Parameter, Value)]) -> Result<Value, String> {
        let properties: Map<String, Value> =
            parameters.iter().map(|(parameter, schema)| (parameter.name.clone(), schema.clone())).collect();
        let required: Vec<&str> = parameters
            .iter()
            .filter(|(parameter, _)| parameter.is_required)
            .map(|(parameter, _)| parameter.name.as_str())
            .collect();
        let schema = json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        });
        Taker::new(self.document, self.dialect).take(&schema)
    }

    fn body(&self) -> Result<Option<ReadBody>, String> {
        let Some(body) = self.operation.get("requestBody") else { return Ok(None) };
        let body = resolved(self.document, body)?;
        let is_required = body.get("required") == Some(&Value::Bool(true));
        let content = body.get("content").and_then(Value::as_object).ok_or("a requestBody has 'content'")?;
        let Some((_, media)) = content.iter().find(|(media_type, _)| is_json(media_type)) else {
            return Err(String::from("its body can only be sent as something else than application/json"));
        };
        Ok(Some(ReadBody { is_required, form: self.form(media)? }))
    }

    fn answers(&self) -> Result<Vec<ReadAnswer>, String> {
        let responses = self.operation.get("responses").and_then(Value::as_object).ok_or("it has no 'responses'")?;
        responses
            .iter()
            .filter(|(status, _)| !status.starts_with("x-"))
            .map(|(status, response)| Ok(ReadAnswer { status: status.clone(), kind: self.answer(response)? }))
            .collect()
    }

    fn answer(&self, response: &Value) -> Result<AnswerKind, String> {
        let response = resolved(self.document, response)?;
        let content = response.get("content").and_then(Value::as_object).filter(|content| !content.is_empty());
        let Some(content) = content else { return Ok(AnswerKind::Nothing) };
        match content.iter().find(|(media_type, _)| is_json(media_type)) {
            Some((_, media)) => Ok(AnswerKind::Json(self.form(media)?)),
            None => Ok(AnswerKind::Text),
        }
    }

    /// The schema of a media type, standing alone.
    fn form(&self, media: &Value) -> Result<Option<Value>, String> {
        let schema = resolved(self.document, media)?.get("schema");
        schema.map(|schema| Taker::new(self.document, self.dialect).take(schema)).transpose()
    }
}

struct ReadBody {
    is_required: bool,
    form: Option<Value>,
}

impl ReadBody {
    fn compiled(self) -> Result<Body, String> {
        Ok(Body { is_required: self.is_required, schema: self.form.as_ref().map(compiled).transpose()? })
    }
}

struct ReadAnswer {
    status: String,
    kind: AnswerKind,
}

enum AnswerKind {
    Json(Option<Value>),
    Text,
    Nothing,
}

impl ReadAnswer {
    fn compiled(self) -> Result<(String, Answer), String> {
        let answer = match self.kind {
            AnswerKind::Json(form) => Answer::Json(form.as_ref().map(compiled).transpose()?),
            AnswerKind::Text => Answer::Text,
            AnswerKind::Nothing => Answer::Nothing,
        };
        Ok((self.status.to_ascii_uppercase(), answer))
    }

    fn is_success(&self) -> bool {
        self.status.starts_with('2')
    }
}

fn compiled(form: &Value) -> Result<Schema, String> {
    Schema::of(form.clone()).map_err(|error| error.to_string())
}

/// The arguments: the parameters as one object, where there are any, then the body, where there is one.
fn described_parameters(
    parameters: &[(Parameter, Value)],
    form: Option<&Value>,
    body: Option<&ReadBody>,
) -> Vec<ServiceParameter> {
    let body_is_required = body.is_some_and(|body| body.is_required);
    let first = form.map(|form| ServiceParameter {
        name: String::from("parameters"),
        // What stands before a required argument cannot be left out.
        is_optional: !body_is_required && parameters.iter().all(|(parameter, _)| !parameter.is_required),
        schema: Some(form.clone()),
    });
    let body = body.map(|body| ServiceParameter {
        name: String::from("body"),
        is_optional: !body.is_required,
        schema: body.form.clone(),
    });
    first.into_iter().chain(body).collect()
}

/// What a call that succeeds answers; `None` where anything may come.
fn described_answer(answers: &[ReadAnswer]) -> Option<Value> {
    let has_success = answers.iter().any(ReadAnswer::is_success);
    let counts = |answer: &&ReadAnswer| answer.is_success() || (!has_success && answer.status == "default");
    let mut forms = Vec::new();
    for answer in answers.iter().filter(counts) {
        let form = match &answer.kind {
            AnswerKind::Json(form) => form.clone()?,
            AnswerKind::Text => json!({ "type": "string" }),
            AnswerKind::Nothing => json!({ "type": "null" }),
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    match forms.len() {
        0 => None,
        1 => forms.pop(),
        _ => Some(any_of(forms)),
    }
}

/// One of several schemas that each stand alone. Definitions of one name are the same: they come from one document.
fn any_of(forms: Vec<Value>) -> Value {
    let mut definitions = Map::new();
    let mut choices = Vec::new();
    for mut form in forms {
        if let Some(Value::Object(own)) = form.as_object_mut().and_then(|form| form.remove("$defs")) {
            definitions.extend(own);
        }
        choices.push(form);
    }
    if definitions.is_empty() { json!({ "anyOf": choices }) } else { json!({ "anyOf": choices, "$defs": definitions }) }
}

/// Whether a media type is JSON: `application/json`, `application/problem+json`, whatever its parameters.
pub(super) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}
