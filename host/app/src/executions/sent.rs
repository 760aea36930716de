//! What an execution has sent out, over all its attempts (RULES 37): a later attempt that would send something else under
//! an idempotency key that a receiver may know sends nothing, and the execution fails.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use runtime::{CallError, Failure};
use serde::{Deserialize, Serialize};

/// A keyed digest of what was sent under an idempotency key.
pub(crate) type SentDigest = [u8; 16];

/// What was sent, by idempotency key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentRequests(HashMap<String, SentDigest>);

/// What one attempt sends, held against those before it.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    before: SentRequests,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: SentRequests,
    /// The call that would have sent something else.
    refused: Option<String>,
}

impl SentRequests {
    /// These and those of another attempt.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Sent {
    /// With what the attempts before this one sent.
    pub(crate) fn after(before: SentRequests) -> Self {
        Self { before, state: Mutex::default() }
    }

    /// Note that `call` is about to be sent under `key`.
    ///
    /// # Errors
    /// Where an earlier attempt sent something else under the key. The execution fails then, whatever the script does.
    pub(crate) fn note(&self, call: &str, key: &str, digest: SentDigest) -> Result<(), CallError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.before.0.get(key).is_some_and(|before| *before != digest) {
            state.refused.get_or_insert_with(|| call.to_owned());
            return Err(CallError::Conflict(differs(call)));
        }
        state.sent.0.insert(key.to_owned(), digest);
        Ok(())
    }

    /// Why the execution fails, where a call was refused.
    pub(super) fn failure(&self) -> Option<Failure> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let call = state.refused.as_deref()?;
        Some(Failure::new(domain::ErrorKind::Conflict, "Conflict", differs(call)))
    }

    /// What this attempt has sent.
    pub(super) fn taken(&self) -> SentRequests {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).sent.clone()
    }
}

fn differs(call: &str) -> String {
    format!(
        "{call}: an earlier attempt of this execution sent another body at this place; a receiver would take the two for \
         one, so nothing was sent"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_is_sent_again_and_nothing_else_in_its_place() {
        let first = Sent::default();
        assert_eq!(first.note("http.post", "key", [1; 16]), Ok(()));
        let second = Sent::after(first.taken());
        assert_eq!(second.note("http.post", "key", [1; 16]), Ok(()));
        assert!(second.failure().is_none());
        assert!(second.note("http.post", "key", [2; 16]).is_err());
        assert!(second.failure().is_some_and(|failure| failure.kind == domain::ErrorKind::Conflict));
        assert_eq!(second.note("http.post", "another", [2; 16]), Ok(()));
    }
}
