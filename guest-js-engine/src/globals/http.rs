//! `http` and `fetch`: outbound requests through the host's egress policy.

use javy::quickjs::{Ctx, Object, Result, TypedArray, Value};

use super::{bytes, prelude};
use crate::bindings::skerry::script::http::{self, Body, Field, FieldValue, Redirect, Request, SecretHeader};
use crate::bindings::skerry::script::types::{Header, Secret};
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "send": send });
    prelude(cx, kit, "http", include_str!("http.js"), native)
}

/// Send the request whose parts `http.js` laid out.
fn send<'js>(cx: Ctx<'js>, parts: Object<'js>) -> Result<Value<'js>> {
    let request = Request {
        method: parts.get("method")?,
        url: parts.get("url")?,
        headers: headers(parts.get("headers")?),
        secret_headers: secret_headers(parts.get("secretHeaders")?),
        body: body(&parts)?,
        redirect: match parts.get::<_, String>("redirect")?.as_str() {
            "manual" => Redirect::Manual,
            "error" => Redirect::Error,
            _ => Redirect::Follow,
        },
        timeout_ms: parts.get("timeout")?,
    };
    start_call(&cx, Reach::Outside, || http::send(&request))
}

/// Names and values in turn.
fn headers(list: Vec<String>) -> Vec<Header> {
    list.chunks_exact(2).map(|pair| Header { name: pair[0].clone(), value: pair[1].clone() }).collect()
}

/// Names of headers, names of secrets and formats in turn.
fn secret_headers(list: Vec<String>) -> Vec<SecretHeader> {
    let header = |three: &[String]| SecretHeader { name: three[0].clone(), value: secret(&three[1], &three[2]) };
    list.chunks_exact(3).map(header).collect()
}

fn secret(name: &str, format: &str) -> Secret {
    Secret { name: name.into(), format: format.into() }
}

fn body<'js>(parts: &Object<'js>) -> Result<Body> {
    Ok(match parts.get::<_, String>("kind")?.as_str() {
        "bytes" => Body::Bytes(bytes::copy(&parts.get::<_, TypedArray<'js, u8>>("body")?)),
        "form" => Body::Form(fields(parts.get("body")?)),
        "json" => Body::JsonObject(fields(parts.get("body")?)),
        _ => Body::None,
    })
}

/// Of each field: its name, its plain value or its secret's name, and its secret's format (empty for a plain value: a
/// format never is).
fn fields(list: Vec<String>) -> Vec<Field> {
    let value = |text: &str, format: &str| match format {
        "" => FieldValue::Plain(text.into()),
        _ => FieldValue::Secret(secret(text, format)),
    };
    let field = |three: &[String]| Field { name: three[0].clone(), value: value(&three[1], &three[2]) };
    list.chunks_exact(3).map(field).collect()
}
