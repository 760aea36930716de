//! `FormData`: taking `multipart/form-data` (RFC 7578) apart, and the boundaries of what is sent.

use javy::quickjs::{Array, Ctx, Object, Result, TypedArray};

use super::{bytes, crypto, prelude};

/// The header fields of one part; more are no form.
const PART_HEADER_BYTES: usize = 16 * 1024;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "parse": parse, "boundary": crypto::random_hex });
    prelude(cx, kit, "form_data", include_str!("form_data.js"), native)
}

/// One part of a form.
struct Part<'a> {
    name: String,
    /// A part with a file name is a file.
    file_name: Option<String>,
    content_type: Option<String>,
    content: &'a [u8],
}

/// Name, file name, type and content of each part; `None` for what is no form between these boundaries.
fn parse<'js>(cx: Ctx<'js>, body: TypedArray<'js, u8>, boundary: String) -> Result<Option<Vec<Array<'js>>>> {
    let body = bytes::copy(&body);
    let Some(parts) = parts(&body, boundary.as_bytes()) else { return Ok(None) };
    parts.into_iter().map(|part| as_array(&cx, part)).collect::<Result<_>>().map(Some)
}

fn as_array<'js>(cx: &Ctx<'js>, part: Part<'_>) -> Result<Array<'js>> {
    let array = Array::new(cx.clone())?;
    array.set(0, part.name)?;
    array.set(1, part.file_name)?;
    array.set(2, part.content_type.unwrap_or_else(|| "text/plain".into()))?;
    array.set(3, TypedArray::new(cx.clone(), part.content)?)?;
    Ok(array)
}

/// The parts, each between `--boundary CRLF` and `CRLF --boundary`, up to `--boundary--`.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Option<Vec<Part<'a>>> {
    let delimiter = [b"--", boundary].concat();
    let between = [b"\r\n", delimiter.as_slice()].concat();
    let mut rest = &body[find(body, &delimiter)?..];
    let mut parts = Vec::new();
    loop {
        rest = rest.strip_prefix(delimiter.as_slice())?;
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = skip_blanks(rest).strip_prefix(b"\r\n")?;
        let head_end = find(&rest[..rest.len().min(PART_HEADER_BYTES)], b"\r\n\r\n")?;
        let (head, body) = (&rest[..head_end], &rest[head_end + 4..]);
        let end = if body.starts_with(&delimiter) { 0 } else { find(body, &between)? };
        parts.push(part(head, &body[..end])?);
        rest = body[end..].strip_prefix(b"\r\n").unwrap_or(&body[end..]);
    }
}

/// Blanks may follow a boundary (RFC 2046, 5.1.1).
fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    &bytes[blanks..]
}

fn part<'a>(head: &[u8], content: &'a [u8]) -> Option<Part<'a>> {
    let head = String::from_utf8_lossy(head);
    let (mut name, mut file_name, mut content_type) = (None, None, None);
    for line in head.split("\r\n") {
        let (field, value) = line.split_once(':')?;
        if field.eq_ignore_ascii_case("content-disposition") {
            let rest = value.trim().strip_prefix("form-data")?;
            name = parameter(rest, "name");
            file_name = parameter(rest, "filename");
        } else if field.eq_ignore_ascii_case("content-type") {
            content_type = Some(value.trim().to_ascii_lowercase());
        }
    }
    Some(Part { name: name?, file_name, content_type, content })
}

/// The value of a parameter, quoted as browsers quote it: `%0A`, `%0D` and `%22` for what could not stand there.
fn parameter(list: &str, wanted: &str) -> Option<String> {
    let mut rest = list;
    loop {
        rest = rest.trim_start().strip_prefix(';')?.trim_start();
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if name.trim_end().eq_ignore_ascii_case(wanted) {
            return Some(value.replace("%0A", "\n").replace("%0D", "\r").replace("%22", "\""));
        }
        rest = after;
    }
}

/// Where `wanted` begins in `bytes`. Searched by its first byte: bodies are a few MiB, and boundaries begin rarely.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, last) = (*wanted.first()?, bytes.len().checked_sub(wanted.len())?);
    let mut from = 0;
    while from <= last {
        from += bytes[from..=last].iter().position(|byte| *byte == first)?;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
    None
}
