//! The cursor of a list: where its last page ended, and which list that was. A script sees a text that says nothing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use database::DocumentPosition;
use serde::{Deserialize, Serialize};

use super::Wrong;

/// What tells one list from another: a part of a digest, against mistakes and not against intent. Whoever makes a cursor
/// up starts his own list at another of his own documents.
pub(super) type ListMark = [u8; 8];

#[derive(Serialize, Deserialize)]
struct Cursor {
    list: ListMark,
    key: String,
    id: String,
}

/// The mark of a list: of its collection, filter and sort.
pub(super) fn mark(collection: &str, filter: &str, sort: &str) -> ListMark {
    let mut hasher = blake3::Hasher::new();
    for part in [collection, filter, sort] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let mut mark = ListMark::default();
    hasher.finalize_xof().fill(&mut mark);
    mark
}

pub(super) fn write(list: ListMark, last: &DocumentPosition) -> Result<String, Wrong> {
    let cursor = Cursor { list, key: last.key.clone(), id: last.id.clone() };
    let bytes = postcard::to_stdvec(&cursor).map_err(|_| foreign())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn read(list: ListMark, text: &str) -> Result<DocumentPosition, Wrong> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| foreign())?;
    let Cursor { list: own, key, id } = postcard::from_bytes(&bytes).map_err(|_| foreign())?;
    // No key and no id holds a NUL, which the database's texts need not take.
    if own != list || key.contains('\0') || id.contains('\0') {
        return Err(foreign());
    }
    Ok(DocumentPosition { key, id })
}

fn foreign() -> Wrong {
    let words =
        "the cursor is none of this list: pass the one that its last page answered, with the same filter and sort";
    Wrong::Type(String::from(words))
}
