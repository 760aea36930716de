//! What keeps guessing slow: failed sign-ins, by account and by address, also over a restart.

use domain::{UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{Database, DatabaseError, words::stored_words};

const GET: &str = "SELECT failures, last_at, blocked_until FROM sign_in_failures WHERE kind = $1 AND key = $2";
const PUT: &str = "
    INSERT INTO sign_in_failures (kind, key, failures, last_at, blocked_until)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, key) DO UPDATE SET
        failures = excluded.failures, last_at = excluded.last_at, blocked_until = excluded.blocked_until";
const TAKE_BACK: &str = "
    UPDATE sign_in_failures
    SET failures = CASE WHEN failures > 0 THEN failures - 1 ELSE 0 END, blocked_until = 0
    WHERE kind = $1 AND key = $2";
const FORGET: &str = "DELETE FROM sign_in_failures WHERE kind = $1 AND key = $2";
const PURGE: &str = "
    DELETE FROM sign_in_failures
    WHERE (kind, key) IN (SELECT kind, key FROM sign_in_failures WHERE last_at < $1 ORDER BY last_at LIMIT $2)";
const IS_KNOWN: &str = "SELECT 1 FROM known_addresses WHERE user_id = $1 AND address = $2";
const KNOW: &str = "
    INSERT INTO known_addresses (user_id, address, seen_at)
    VALUES ($1, $2, $3)
    ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at";
const PURGE_KNOWN: &str = "
    DELETE FROM known_addresses
    WHERE (user_id, address) IN (
        SELECT user_id, address FROM known_addresses WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)";

stored_words!(
    /// What failures are counted by.
    ThrottleKind, "kind", {
        /// By the account, from everywhere.
        Account = "account",
        /// By the address, for all accounts.
        Address = "address",
        /// By both.
        AccountAndAddress = "account_and_address",
    }
);

/// One count of failures, and how it grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// What is counted.
    pub kind: ThrottleKind,
    /// A keyed hash of whose failures they are.
    pub key: [u8; 32],
    /// How many are free.
    pub free: u32,
    /// The longest wait after one, in milliseconds.
    pub wait_ms_max: i64,
}

/// The first wait; each further failure doubles it.
const WAIT_MS: i64 = 1_000;

/// After how long without a failure all of them are forgotten.
const FORGOTTEN_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

impl Throttle {
    /// How long to wait after so many failures.
    fn wait_ms(&self, failures: u32) -> i64 {
        let beyond = failures.saturating_sub(self.free);
        if beyond == 0 { 0 } else { (WAIT_MS << beyond.saturating_sub(1).min(30)).min(self.wait_ms_max) }
    }

    fn read(&self, connection: &Connection, now: UnixMillis) -> rusqlite::Result<(u32, i64)> {
        let mut statement = connection.prepare_cached(GET)?;
        let row = statement
            .query_row(params![self.kind.as_str(), self.key], |row| {
                Ok((row.get::<_, u32>("failures")?, row.get::<_, i64>("last_at")?, row.get::<_, i64>("blocked_until")?))
            })
            .optional()?;
        let fresh = row.filter(|(_, last_at, _)| now.0.saturating_sub(*last_at) < FORGOTTEN_AFTER_MS);
        Ok(fresh.map_or((0, 0), |(failures, _, blocked_until)| (failures, blocked_until)))
    }
}

impl Database {
    /// Count an attempt as one that failed, before it is known: attempts side by side then wait for each other. Answers
    /// until when to wait where one of `throttles` says so; nothing is counted then, so that asking again costs nothing.
    pub async fn count_sign_in(
        &self,
        throttles: Vec<Throttle>,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, DatabaseError> {
        self.write(move |work| {
            let mut counts = Vec::with_capacity(throttles.len());
            let mut until = 0;
            for throttle in &throttles {
                let (failures, blocked_until) = throttle.read(work.connection, now)?;
                // A clock that went back keeps nobody out for longer than the longest wait.
                until = until.max(blocked_until.min(now.0 + throttle.wait_ms_max));
                counts.push(failures.saturating_add(1));
            }
            if until > now.0 {
                return Ok(Some(UnixMillis(until)));
            }
            let mut statement = work.connection.prepare_cached(PUT)?;
            for (throttle, failures) in throttles.iter().zip(counts) {
                let wait_ms = throttle.wait_ms(failures);
                let blocked_until = if wait_ms == 0 { 0 } else { now.0 + wait_ms };
                statement.execute(params![throttle.kind.as_str(), throttle.key, failures, now.0, blocked_until])?;
            }
            Ok(None)
        })
        .await
    }

    /// An attempt that was counted has succeeded: what the account failed at is forgotten, the address gets this one back,
    /// and is known for that account from now on.
    pub async fn forgive_sign_in(
        &self,
        throttles: Vec<Throttle>,
        (user, address): (UserId, [u8; 32]),
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            for throttle in throttles {
                let statement = if throttle.kind == ThrottleKind::Address { TAKE_BACK } else { FORGET };
                work.connection.prepare_cached(statement)?.execute(params![throttle.kind.as_str(), throttle.key])?;
            }
            work.connection.prepare_cached(KNOW)?.execute(params![user.to_string(), address, now.0])?;
            Ok(())
        })
        .await
    }

    /// Whether somebody has signed in from there before.
    pub fn is_known_address(&self, user: UserId, address: [u8; 32]) -> Result<bool, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(IS_KNOWN)?;
            Ok(statement.exists(params![user.to_string(), address])?)
        })
    }

    /// Forget failures of before `failed_before`, and addresses that nobody signed in from since `seen_before`; answers
    /// how many rows that were.
    pub async fn purge_sign_ins(
        &self,
        failed_before: UnixMillis,
        seen_before: UnixMillis,
        most: u32,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| {
            let failures = work.connection.prepare_cached(PURGE)?.execute(params![failed_before.0, most])?;
            let known = work.connection.prepare_cached(PURGE_KNOWN)?.execute(params![seen_before.0, most])?;
            Ok(failures + known)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_beyond_the_free_ones_doubles_the_wait_up_to_the_longest() {
        let throttle = Throttle { kind: ThrottleKind::Account, key: [0; 32], free: 3, wait_ms_max: 60_000 };
        let waits: Vec<i64> = [0, 3, 4, 5, 6, 9, 10, 1_000, u32::MAX].map(|failures| throttle.wait_ms(failures)).into();
        assert_eq!(waits, [0, 0, 1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000]);
    }
}
