//! From the arguments of a call to the request that is sent: checked against the document first, and the address
//! against its template again afterwards (RULES 34).

use http::Method;
use serde_json::{Map, Value};
use url::Url;

use super::{
    operation::Operation,
    parameters::{Parameter, Place},
    template::encode,
};

/// A request as an operation makes it, without anything that is Skerry's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: Url,
    /// The script's own headers.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Prepared {
    /// Path and query, as the request's first line has them.
    pub(super) fn target(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }
}

impl Operation {
    /// Make the request for these arguments.
    ///
    /// # Errors
    /// A sentence for whoever wrote the call.
    pub(super) fn prepare(&self, base: &Url, arguments: &[Value]) -> Result<Prepared, String> {
        let Arguments { parameters, body } = self.arguments(arguments)?;
        let path = self.template.fill(|name| parameters.get(name).and_then(simple))?;
        let query = self.query(&parameters)?;
        Ok(Prepared {
            method: self.method.clone(),
            url: self.url(base, &path, &query)?,
            headers: self.headers(&parameters)?,
            body: body.map(|body| body.to_string().into_bytes()),
        })
    }

    /// Tell the arguments apart, and check each.
    fn arguments(&self, arguments: &[Value]) -> Result<Arguments, String> {
        let mut rest = arguments.iter();
        let mut parameters = Map::new();
        if let Some(schema) = &self.parameters_schema {
            match rest.next() {
                Some(Value::Object(passed)) => parameters.clone_from(passed),
                None | Some(Value::Null) => {}
                Some(_) => return Err(format!("the first argument is an object with {}", self.names())),
            }
            let passed = Value::Object(parameters);
            schema.check(&passed).map_err(|error| format!("the parameters ({}): {error}", self.names()))?;
            parameters = if let Value::Object(passed) = passed { passed } else { Map::new() };
        }
        let body = match (&self.body, rest.next()) {
            (None, None | Some(Value::Null)) => None,
            (None, Some(_)) => return Err(format!("more arguments than {}", self.takes())),
            (Some(body), None | Some(Value::Null)) if !body.is_required => None,
            (Some(body), passed) => {
                let passed = passed.ok_or("the body is missing, which is the last argument")?;
                let checked = body.schema.as_ref().map_or(Ok(()), |schema| schema.check(passed));
                checked.map_err(|error| format!("the body: {error}"))?;
                Some(passed.clone())
            }
        };
        match rest.find(|value| !value.is_null()) {
            Some(_) => Err(format!("more arguments than {}", self.takes())),
            None => Ok(Arguments { parameters, body }),
        }
    }

    fn query(&self, parameters: &Map<String, Value>) -> Result<String, String> {
        let mut query = String::new();
        let mut pair = |name: &str, value: &str| {
            query.push(if query.is_empty() { '?' } else { '&' });
            encode(&mut query, name);
            query.push('=');
            query.push_str(value);
        };
        for (Parameter { name, is_exploded, .. }, value) in self.passed(parameters, Place::Query) {
            let values: Vec<String> =
                texts(value).ok_or_else(|| not_plain(name))?.iter().map(|text| encoded(text)).collect();
            if *is_exploded {
                values.iter().for_each(|value| pair(name, value));
            } else if !values.is_empty() {
                pair(name, &values.join(","));
            }
        }
        Ok(query)
    }

    fn headers(&self, parameters: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
        let passed = self.passed(parameters, Place::Header);
        passed
            .map(|(Parameter { name, .. }, value)| {
                let text = simple(value).ok_or_else(|| not_plain(name))?;
                let is_visible = |c: char| c == ' ' || c.is_ascii_graphic();
                if text != text.trim() || !text.chars().all(is_visible) {
                    return Err(format!(
                        "the parameter '{name}' is a header: visible ASCII characters, and spaces between them"
                    ));
                }
                Ok((name.clone(), text))
            })
            .collect()
    }

    /// The address, which has to be what the template says also after a parser has read it.
    fn url(&self, base: &Url, path: &str, query: &str) -> Result<Url, String> {
        let unchanged = || String::from("its address would not be the one that its document describes");
        let base_path = base.path().trim_end_matches('/');
        let url = Url::parse(&format!("{}{base_path}{path}{query}", base.origin().ascii_serialization()));
        let url = url.map_err(|_| unchanged())?;
        let own = url.path().strip_prefix(base_path).filter(|own| self.template.matches(own));
        let is_same = own == Some(path)
            && url.origin() == base.origin()
            && url.query().unwrap_or_default() == query.trim_start_matches('?')
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_same { Ok(url) } else { Err(unchanged()) }
    }

    fn passed<'a>(
        &'a self,
        parameters: &'a Map<String, Value>,
        place: Place,
    ) -> impl Iterator<Item = (&'a Parameter, &'a Value)> {
        let own = self.parameters.iter().filter(move |parameter| parameter.place == place);
        own.filter_map(|parameter| Some((parameter, parameters.get(&parameter.name)?)))
    }

    fn names(&self) -> String {
        let names: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| format!("{}{}", parameter.name, if parameter.is_required { "" } else { "?" }))
            .collect();
        names.join(", ")
    }

    fn takes(&self) -> &'static str {
        match (self.parameters_schema.is_some(), self.body.is_some()) {
            (true, true) => "the parameters and the body",
            (true, false) => "one object of parameters",
            (false, true) => "the body",
            (false, false) => "none, which is what it takes",
        }
    }
}

struct Arguments {
    parameters: Map<String, Value>,
    body: Option<Value>,
}

/// A value as a text, a list as its texts with commas; `None` for what is neither.
fn simple(value: &Value) -> Option<String> {
    texts(value).map(|texts| texts.join(","))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Number(number) => Some(vec![number.to_string()]),
        Value::Bool(truth) => Some(vec![truth.to_string()]),
        Value::Array(values) if !values.iter().any(Value::is_array) => {
            let texts: Option<Vec<Vec<String>>> = values.iter().map(texts).collect();
            texts.map(|texts| texts.concat())
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn not_plain(name: &str) -> String {
    format!("the parameter '{name}' is a text, a number, true, false, or a list of such")
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(&mut encoded, text);
    encoded
}
