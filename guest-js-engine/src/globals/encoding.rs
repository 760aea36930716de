//! `TextEncoder` and `TextDecoder`, after the encoding standard: the encodings are `encoding_rs`'s.

use std::cell::RefCell;

use encoding_rs::{Decoder, DecoderResult, Encoding};
use javy::quickjs::{Array, Ctx, Exception, Object, Result, String as JsString, TypedArray};

use super::{bytes, prelude};
use crate::text;

/// What `encoding.js` adds up.
const FATAL: u32 = 1;
const IGNORE_BOM: u32 = 2;
/// The stream goes on.
const MORE: u32 = 4;

thread_local! {
    /// Decoders in the middle of a stream, by their numbers. A number is free again when its stream ends.
    static STREAMS: RefCell<Vec<Option<Decoder>>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "nameOf": name_of, "decode": decode, "encodeInto": encode_into });
    prelude(cx, kit, "encoding", include_str!("encoding.js"), native)
}

/// The name of the encoding with that label; nothing where there is none, or none that decodes.
fn name_of(label: String) -> Option<String> {
    let encoding = Encoding::for_label_no_replacement(label.as_bytes())?;
    Some(encoding.name().to_ascii_lowercase())
}

/// Decode a chunk with the decoder of that number, or a new one where it is negative. Answers the text and the number
/// of the decoder that waits for more (negative at the end of the stream); nothing where `fatal` and malformed.
fn decode<'js>(
    cx: Ctx<'js>,
    name: String,
    options: u32,
    number: i32,
    chunk: TypedArray<'js, u8>,
) -> Result<Option<Array<'js>>> {
    let [fatal, ignore_bom, more] = [FATAL, IGNORE_BOM, MORE].map(|option| options & option != 0);
    let waiting = usize::try_from(number).ok().and_then(take);
    let Some(mut decoder) = waiting.or_else(|| decoder(&name, ignore_bom)) else {
        return Err(Exception::throw_range(&cx, "TextDecoder: there is no such encoding"));
    };
    let Some(text) = decoded(&mut decoder, &bytes::copy(&chunk), fatal, !more) else { return Ok(None) };
    let array = Array::new(cx)?;
    array.set(0, text)?;
    array.set(1, if more { put(decoder) } else { -1 })?;
    Ok(Some(array))
}

fn decoder(name: &str, ignore_bom: bool) -> Option<Decoder> {
    let encoding = Encoding::for_label(name.as_bytes())?;
    Some(if ignore_bom { encoding.new_decoder_without_bom_handling() } else { encoding.new_decoder_with_bom_removal() })
}

fn take(number: usize) -> Option<Decoder> {
    STREAMS.with_borrow_mut(|streams| streams.get_mut(number)?.take())
}

/// Keep a decoder; answers its number.
fn put(decoder: Decoder) -> i32 {
    STREAMS.with_borrow_mut(|streams| {
        let number = streams.iter().position(Option::is_none).unwrap_or(streams.len());
        if number == streams.len() {
            streams.push(None);
        }
        streams[number] = Some(decoder);
        // Each takes memory, which ends long before the numbers do.
        i32::try_from(number).unwrap_or(i32::MAX)
    })
}

fn decoded(decoder: &mut Decoder, chunk: &[u8], fatal: bool, last: bool) -> Option<String> {
    let bytes = if fatal {
        decoder.max_utf8_buffer_length_without_replacement(chunk.len())
    } else {
        decoder.max_utf8_buffer_length(chunk.len())
    };
    // `None` is an overflow of the address space, by a chunk that could not be in it.
    let mut text = String::with_capacity(bytes?);
    if fatal {
        let (result, _) = decoder.decode_to_string_without_replacement(chunk, &mut text, last);
        return matches!(result, DecoderResult::InputEmpty).then_some(text);
    }
    let _ = decoder.decode_to_string(chunk, &mut text, last);
    Some(text)
}

/// As much of the text as fits into `room` bytes of UTF-8: the UTF-16 units that were read, and the bytes.
fn encode_into<'js>(cx: Ctx<'js>, string: JsString<'js>, room: usize) -> Result<Array<'js>> {
    let text = text::cut(text::lossy(&cx, &string), room);
    let array = Array::new(cx.clone())?;
    array.set(0, text.encode_utf16().count())?;
    array.set(1, TypedArray::new(cx, text.into_bytes())?)?;
    Ok(array)
}
