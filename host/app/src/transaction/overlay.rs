//! A run's own writes, as its own reads see them.

use std::{collections::BTreeMap, ops::Bound};

use database::{StorageChange, StorageEntry, json_number, parse_json_number};
use domain::UnixMillis;
use runtime::CallError;

/// The state of each key that the run wrote.
#[derive(Default)]
pub(crate) struct Overlay {
    entries: BTreeMap<String, (usize, Local)>,
    /// Counts the writes, so that those that became durable can be told from those that came later.
    writes: usize,
    forgotten: usize,
}

/// What a run made of one key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Local {
    /// This value.
    Set { value: String, expires_at: Option<UnixMillis> },
    /// Nothing.
    Deleted,
    /// This much more than what is stored.
    Added(f64),
}

impl Overlay {
    /// Take a write into account.
    pub(crate) fn apply(&mut self, key: &str, change: &StorageChange) -> Result<(), CallError> {
        let local = match (change, self.entries.get(key).map(|(_, local)| local)) {
            (StorageChange::Set { value, expires_at }, _) => {
                Local::Set { value: value.clone(), expires_at: *expires_at }
            }
            (StorageChange::Delete, _) => Local::Deleted,
            (StorageChange::Increment { by }, None) => Local::Added(*by),
            (StorageChange::Increment { by }, Some(Local::Added(sum))) => Local::Added(sum + by),
            (StorageChange::Increment { by }, Some(Local::Deleted)) => {
                Local::Set { value: json_number(*by), expires_at: None }
            }
            (StorageChange::Increment { by }, Some(Local::Set { value, expires_at })) => {
                Local::Set { value: added(key, Some(value), *by)?, expires_at: *expires_at }
            }
        };
        self.writes += 1;
        self.entries.insert(key.to_owned(), (self.writes, local));
        Ok(())
    }

    /// What the run made of `key`, if anything.
    pub(crate) fn get(&self, key: &str) -> Option<&Local> {
        self.entries.get(key).map(|(_, local)| local)
    }

    /// The first `writes` of those that are remembered have become durable: the database shows them from now on.
    pub(crate) fn forget(&mut self, writes: usize) {
        self.forgotten += writes;
        let durable = self.forgotten;
        self.entries.retain(|_, (write, _)| *write > durable);
    }

    /// How many keys the run wrote in a range: so many more entries have to be fetched to fill a page.
    pub(crate) fn count_in(&self, prefix: &str, after: Option<&str>) -> usize {
        self.in_range(prefix, after).count()
    }

    /// Lay the run's writes over a range of stored entries, which ends at the last of them where there are `more`.
    pub(crate) fn lay_over(
        &self,
        stored: Vec<StorageEntry>,
        more: bool,
        (prefix, after): (&str, Option<&str>),
        now: UnixMillis,
    ) -> Result<Vec<(String, String)>, CallError> {
        let last = more.then(|| stored.last().map(|entry| entry.key.clone())).flatten();
        let mut entries: BTreeMap<String, String> = stored.into_iter().map(|entry| (entry.key, entry.value)).collect();
        for (key, local) in self.in_range(prefix, after) {
            if last.as_ref().is_some_and(|last| key > last) {
                break;
            }
            let value = local.over(key, entries.get(key).map(String::as_str), now)?;
            match value {
                Some(value) => entries.insert(key.clone(), value),
                None => entries.remove(key),
            };
        }
        Ok(entries.into_iter().collect())
    }

    fn in_range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a String, &'a Local)> {
        let lower = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = self.entries.range::<str, _>((lower, Bound::Unbounded));
        range.take_while(move |(key, _)| key.starts_with(prefix)).map(|(key, (_, local))| (key, local))
    }
}

impl Local {
    /// The value of the key for the run, over what is stored.
    pub(crate) fn over(&self, key: &str, stored: Option<&str>, now: UnixMillis) -> Result<Option<String>, CallError> {
        match self {
            Self::Set { value, expires_at } => Ok(expires_at.is_none_or(|end| end > now).then(|| value.clone())),
            Self::Deleted => Ok(None),
            Self::Added(by) => added(key, stored, *by).map(Some),
        }
    }
}

/// As the commit adds, by the same rules.
fn added(key: &str, stored: Option<&str>, by: f64) -> Result<String, CallError> {
    let stored = stored.map_or(Some(0.0), parse_json_number);
    match stored.map(|stored| stored + by).filter(|sum| sum.is_finite()) {
        Some(sum) => Ok(json_number(sum)),
        None => Err(CallError::InvalidArgument(format!("the value of '{key}' is no number to add to"))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    fn set(value: &str) -> StorageChange {
        StorageChange::Set { value: value.to_owned(), expires_at: None }
    }

    #[test]
    fn a_run_sees_the_sum_of_its_own_increments() {
        let mut overlay = Overlay::default();
        overlay.apply("n", &StorageChange::Increment { by: 1.0 }).unwrap();
        overlay.apply("n", &StorageChange::Increment { by: 2.5 }).unwrap();
        let value = overlay.get("n").unwrap().over("n", Some("4"), UnixMillis(0)).unwrap();
        assert_eq!(value.as_deref(), Some("7.5"));
    }

    #[test]
    fn a_list_shows_own_writes_and_hides_own_deletes() {
        let mut overlay = Overlay::default();
        overlay.apply("a/2", &set("20")).unwrap();
        overlay.apply("a/1", &StorageChange::Delete).unwrap();
        overlay.apply("b/1", &set("1")).unwrap();
        let stored = vec![
            StorageEntry { key: String::from("a/1"), value: String::from("1"), revision: 1 },
            StorageEntry { key: String::from("a/3"), value: String::from("3"), revision: 1 },
        ];
        let entries = overlay.lay_over(stored, false, ("a/", None), UnixMillis(0)).unwrap();
        let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a/2", "a/3"]);
    }

    #[test]
    fn what_became_durable_is_read_from_the_database_again() {
        let mut overlay = Overlay::default();
        overlay.apply("k", &set("1")).unwrap();
        overlay.apply("later", &set("2")).unwrap();
        overlay.forget(1);
        assert!(overlay.get("k").is_none());
        assert!(overlay.get("later").is_some());
    }

    #[test]
    fn adding_to_a_text_is_refused() {
        let mut overlay = Overlay::default();
        overlay.apply("k", &set("\"text\"")).unwrap();
        assert!(overlay.apply("k", &StorageChange::Increment { by: 1.0 }).is_err());
    }
}
