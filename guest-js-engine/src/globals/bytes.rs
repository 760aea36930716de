//! Text to bytes and back: the base of everything that takes or answers bytes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use javy::quickjs::{Ctx, Exception, Object, Result, String as JsString, TypedArray, qjs};

use super::prelude;
use crate::text;

/// Padding is written where the alphabet has it, and never asked for.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    add_intrinsics(cx);
    let native = natives!(cx, {
        "encode": encode,
        "decode": decode,
        "toBase64": to_base64,
        "fromBase64": from_base64,
        "toHex": to_hex,
    });
    prelude(cx, kit, "bytes", include_str!("bytes.js"), native)
}

/// QuickJS has `DOMException`, `atob` and `btoa`; javy leaves them out.
#[expect(unsafe_code, reason = "the safe interface does not name these intrinsics")]
fn add_intrinsics(cx: &Ctx<'_>) {
    // SAFETY: the context is alive, and they are added once.
    unsafe {
        qjs::JS_AddIntrinsicDOMException(cx.as_raw().as_ptr());
        qjs::JS_AddIntrinsicAToB(cx.as_raw().as_ptr());
    }
}

/// The bytes of an array, copied: what they lie in belongs to JavaScript, which may detach it.
pub(super) fn copy(bytes: &TypedArray<'_, u8>) -> Vec<u8> {
    bytes.as_bytes().unwrap_or_default().to_vec()
}

fn encode<'js>(cx: Ctx<'js>, string: JsString<'js>) -> Result<TypedArray<'js, u8>> {
    let bytes = text::lossy(&cx, &string).into_bytes();
    TypedArray::new(cx, bytes)
}

fn decode(bytes: TypedArray<'_, u8>) -> String {
    String::from_utf8_lossy(bytes.as_bytes().unwrap_or_default()).into_owned()
}

fn to_base64(bytes: TypedArray<'_, u8>, url_safe: bool) -> String {
    if url_safe { URL_SAFE.encode(copy(&bytes)) } else { STANDARD.encode(copy(&bytes)) }
}

/// Both alphabets are read, with padding or without.
fn from_base64<'js>(cx: Ctx<'js>, text: String) -> Result<TypedArray<'js, u8>> {
    let decoded = if text.contains(['-', '_']) { URL_SAFE.decode(text) } else { STANDARD.decode(text) };
    match decoded {
        Ok(bytes) => TypedArray::new(cx, bytes),
        Err(_) => Err(Exception::throw_type(&cx, "the text is not base64")),
    }
}

fn to_hex(bytes: TypedArray<'_, u8>) -> String {
    hex(&copy(&bytes))
}

/// Lower-case hexadecimal, at a cost that depends on the length alone: identifiers that differ cost the same fuel.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
