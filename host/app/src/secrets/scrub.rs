//! Scrubbing: what a script sent and must not read is taken out of the answers of whoever it was sent to (RULES 24).
//!
//! An answer is searched in the forms that servers repeat a request in: as it is, in hexadecimal, in base64 at each of
//! the three places where a value can begin in a group, and all of these under the escapes of addresses, forms, JSON and
//! HTML. A host that keeps the value and returns it in some other form reveals it: the record's origins are those that
//! the tenant trusts with it.

mod forms;
mod views;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use runtime::{CallError, Header};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

use super::{Usable, origin};
use crate::egress::{BODY_BYTES_MAX, OutboundResponse};
use forms::Forms;
use views::View;

/// The most secrets of one execution for one origin: each is searched for in every answer from there.
const SECRETS_MAX: usize = 8;
/// Bodies from here on are searched on a thread that no other guest waits for.
const LARGE_BODY_BYTES: usize = 64 << 10;
/// How many of those the process searches at once: each takes some ten times its size, further ones wait.
static LARGE_AT_ONCE: Semaphore = Semaphore::const_new(2);

/// Which secrets one execution has sent where, over all its attempts.
#[derive(Default)]
pub(crate) struct Placed(Mutex<HashMap<String, Vec<Arc<Forms>>>>);

impl Placed {
    /// Note that the origin is sent these secrets.
    ///
    /// # Errors
    /// [`CallError::HostcallLimit`] past [`SECRETS_MAX`].
    pub(super) fn note(&self, origin: &str, secrets: Vec<Usable>) -> Result<(), CallError> {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = origins.entry(origin.to_owned()).or_default();
        for secret in secrets {
            let (name, value) = secret.into_value();
            if noted.iter().any(|forms| forms.is_of(&value)) {
                continue;
            }
            if noted.len() >= SECRETS_MAX {
                let message = format!("http: an execution sends at most {SECRETS_MAX} secrets to one origin");
                return Err(CallError::HostcallLimit(message));
            }
            noted.push(Arc::new(Forms::of(&name, value)));
        }
        Ok(())
    }

    /// Whether the origin was sent a secret.
    pub(super) fn is_noted(&self, origin: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(origin)
    }

    /// The secrets to be looked for in what came from `url`.
    fn sent_to(&self, url: &str) -> Vec<Arc<Forms>> {
        let Some(origin) = Url::parse(url).ok().as_ref().and_then(origin::of_request) else { return Vec::new() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&origin).cloned().unwrap_or_default()
    }

    /// The answer to a request for `asked_url`, without the secrets that the execution has sent to its origin by now, to
    /// that of the address that answered in the end, or to one on the way there: each could put them into the next
    /// address.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] for an answer that cannot be searched, because it is a part or compressed, though
    /// neither was asked for.
    pub(crate) async fn scrub(&self, asked_url: &str, answer: OutboundResponse) -> Result<OutboundResponse, CallError> {
        let mut secrets = self.sent_to(asked_url);
        let further = answer.hops.iter().chain([&answer.url]).flat_map(|url| self.sent_to(url));
        for forms in further {
            if !secrets.iter().any(|other| Arc::ptr_eq(other, &forms)) {
                secrets.push(forms);
            }
        }
        if secrets.is_empty() { Ok(answer) } else { searched(secrets, answer).await }
    }
}

/// The answer of an operator's service without the token that its request carried (RULES 34).
///
/// # Errors
/// As [`Placed::scrub`].
pub(crate) async fn without_token(token: &str, answer: OutboundResponse) -> Result<OutboundResponse, CallError> {
    let forms = Forms::marked(String::from("[service token]"), Zeroizing::new(token.as_bytes().to_vec()));
    searched(vec![Arc::new(forms)], answer).await
}

async fn searched(secrets: Vec<Arc<Forms>>, answer: OutboundResponse) -> Result<OutboundResponse, CallError> {
    require_searchable(&answer)?;
    if answer.body.len() < LARGE_BODY_BYTES {
        return without(&secrets, answer);
    }
    let unsearched = || CallError::Unavailable(String::from("http: the answer could not be searched"));
    let place = LARGE_AT_ONCE.acquire().await.map_err(|_| unsearched())?;
    let search = move || {
        // Kept until the search is done, also where nobody waits for it any more.
        let _place = place;
        without(&secrets, answer)
    };
    tokio::task::spawn_blocking(search).await.unwrap_or_else(|_| Err(unsearched()))
}

fn require_searchable(answer: &OutboundResponse) -> Result<(), CallError> {
    let has = |name: &str| answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let is_encoded = has("content-encoding").is_some_and(|header| !header.value.eq_ignore_ascii_case("identity"));
    if is_encoded || answer.status == 206 || has("content-range").is_some() {
        return Err(CallError::Unavailable(String::from(
            "http: the answer to a request with a secret is a part or compressed, and cannot be searched for the secret",
        )));
    }
    Ok(())
}

fn without(secrets: &[Arc<Forms>], answer: OutboundResponse) -> Result<OutboundResponse, CallError> {
    let mut headers = Vec::with_capacity(answer.headers.len());
    for Header { name, value } in answer.headers {
        // A name that has to be changed is none any more.
        if scrubbed(secrets, name.as_bytes())?.is_some() {
            continue;
        }
        // Each character of a value is one byte.
        let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        let value = match scrubbed(secrets, &bytes)? {
            Some(bytes) => bytes.into_iter().map(char::from).collect(),
            None => value,
        };
        headers.push(Header { name, value });
    }
    let url = match scrubbed(secrets, answer.url.as_bytes())? {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => answer.url,
    };
    let body = scrubbed(secrets, &answer.body)?.unwrap_or(answer.body);
    Ok(OutboundResponse { url, headers, body, ..answer })
}

/// `text` with the name of each secret in place of its value; `None` where there is none in it.
fn scrubbed(secrets: &[Arc<Forms>], text: &[u8]) -> Result<Option<Vec<u8>>, CallError> {
    let mut found = Vec::new();
    View::each(text, |view| {
        for (index, forms) in secrets.iter().enumerate() {
            found.extend(forms.find(&view.text).into_iter().map(|range| (view.original(range), index)));
            merge(&mut found);
        }
    });
    if found.is_empty() {
        return Ok(None);
    }
    let mut kept = Vec::with_capacity(text.len());
    let mut end = 0;
    for (range, index) in found {
        kept.extend_from_slice(&text[end..range.start]);
        kept.extend_from_slice(secrets[index].mark());
        end = range.end;
        if kept.len() > BODY_BYTES_MAX {
            let message = format!("http: the answer has more than {BODY_BYTES_MAX} bytes without its secrets");
            return Err(CallError::HostcallLimit(message));
        }
    }
    kept.extend_from_slice(&text[end..]);
    Ok(Some(kept))
}

/// Put what was found in order, each place once: what overlaps another is taken out with it. Most views find the same.
fn merge(found: &mut Vec<(Range<usize>, usize)>) {
    found.sort_unstable_by_key(|(range, index)| (range.start, range.end, *index));
    found.dedup_by(|(next, _), (last, _)| {
        let overlaps = next.start < last.end;
        if overlaps {
            last.end = last.end.max(next.end);
        }
        overlaps
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
