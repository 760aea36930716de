//! The cursor of a list in the order of time: opaque to clients, the last one's moment and id to us.

use app::ExecutionCursor;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ExecutionId, Invalid, UnixMillis};
use uuid::Uuid;

/// 8 bytes of time and 16 of the id.
const CURSOR_BYTES: usize = 24;

/// The cursor as text for a client.
pub(crate) fn encode(cursor: &ExecutionCursor) -> String {
    encode_moment(cursor.started_at, cursor.id.uuid())
}

/// The cursor that a client was given. Only its form is checked: it selects among the caller's own rows.
///
/// # Errors
/// The text is no cursor.
pub(crate) fn decode(text: &str) -> Result<ExecutionCursor, Invalid> {
    let (started_at, id) = decode_moment(text)?;
    Ok(ExecutionCursor { started_at, id: ExecutionId::from(id) })
}

/// A moment and an id as text for a client.
pub(crate) fn encode_moment(at: UnixMillis, id: Uuid) -> String {
    let mut bytes = [0; CURSOR_BYTES];
    bytes[..8].copy_from_slice(&at.0.to_be_bytes());
    bytes[8..].copy_from_slice(id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The moment and the id that a client was given.
///
/// # Errors
/// The text is no cursor.
pub(crate) fn decode_moment(text: &str) -> Result<(UnixMillis, Uuid), Invalid> {
    let invalid = || Invalid::new("cursor", "a cursor is the 'next_cursor' of the page before, unchanged");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
    let (time, id) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
    let id: [u8; 16] = id.try_into().map_err(|_| invalid())?;
    Ok((UnixMillis(i64::from_be_bytes(*time)), Uuid::from_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_as_it_was_given() {
        let cursor = ExecutionCursor { started_at: UnixMillis(1_700_000_000_123), id: ExecutionId::generate() };
        assert_eq!(decode(&encode(&cursor)), Ok(cursor));
    }

    #[test]
    fn other_text_is_refused_by_name() {
        for text in ["", "AAAA", "not base64!", &"A".repeat(200)] {
            assert_eq!(decode(text).map_err(|invalid| invalid.field), Err("cursor"), "{text}");
        }
    }
}
