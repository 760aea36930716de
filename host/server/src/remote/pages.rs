//! Lists, page by page.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, CallError, Client};

/// How many items are asked for at once: the most that a page has.
const PAGE_ITEMS: usize = 200;

/// A page, whose items stay as they came: what a script made is shown to the last digit.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// At most `most` items of a list; all of them where nothing is said.
pub(crate) async fn items(
    client: &Client,
    call: &Call<'_>,
    most: Option<usize>,
) -> Result<Vec<Box<RawValue>>, CallError> {
    let mut found: Vec<Box<RawValue>> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let wanted = most.map_or(PAGE_ITEMS, |most| (most - found.len()).min(PAGE_ITEMS));
        let call = call.clone().query("limit", Some(wanted)).query("cursor", cursor.as_ref());
        let page: Page = client.send(call).await?.read(client)?;
        found.extend(page.items);
        if let Some(most) = most
            && found.len() >= most
        {
            found.truncate(most);
            return Ok(found);
        }
        // A page may have nothing and still not be the last: a search goes on from there.
        match page.next_cursor.filter(|next| cursor.as_ref() != Some(next)) {
            Some(next) => cursor = Some(next),
            None => return Ok(found),
        }
    }
}
