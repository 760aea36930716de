//! What keeps guessing slow, also over a restart: failures are counted by account, by address, and by both, and each
//! further one makes the next attempt wait longer.
//!
//! Nobody is shut out by a stranger for good. The wait of an account, which anybody can bring about, is short, and is none
//! at all for an address from which its owner has signed in before; there the stranger's failures count for nothing.

use std::{net::IpAddr, time::Duration};

use database::{Throttle, ThrottleKind};
use domain::{UnixMillis, UserId};

use crate::{AppError, Inner, rates::neighbourhood};

/// Failures without a wait: typing errors.
const FREE_OF_ACCOUNT: u32 = 10;
const FREE_OF_BOTH: u32 = 5;
const FREE_OF_ADDRESS: u32 = 30;

/// The longest waits.
const ACCOUNT_WAIT_MS_MAX: i64 = 60 * 1000;
const WAIT_MS_MAX: i64 = 15 * 60 * 1000;

/// How long an address stays known for an account that does not sign in from it.
const KNOWN_FOR_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// How long failures stay in the database; they are forgotten no later.
const FAILURES_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// Rows that are removed in one transaction.
const PURGED_AT_ONCE: u32 = 500;

/// One attempt that is under way, and counts as a failure until it has succeeded.
pub(super) struct Attempt {
    throttles: Vec<Throttle>,
    address: [u8; 32],
}

impl Attempt {
    /// Count an attempt to sign in to `account` from `address`; `user` is whose account it is, where it is anybody's.
    ///
    /// # Errors
    /// [`AppError::TooManyAttempts`].
    pub(super) async fn begin(
        inner: &Inner,
        (account, user): (&str, Option<UserId>),
        address: IpAddr,
        now: UnixMillis,
    ) -> Result<Self, AppError> {
        let hash = |parts: &[&[u8]]| inner.keyring.sign_in_hash(parts);
        let from = neighbourhood(address).to_string();
        let known_by = hash(&[b"address", from.as_bytes()]);
        let mut throttles = Vec::with_capacity(3);
        let is_known = match user {
            Some(user) if !address.is_loopback() => inner.database.is_known_address(user, known_by)?,
            _ => false,
        };
        if !is_known {
            let key = hash(&[b"account", account.as_bytes()]);
            throttles.push(throttle(ThrottleKind::Account, key, FREE_OF_ACCOUNT, ACCOUNT_WAIT_MS_MAX));
        }
        // This machine's own addresses are everybody's behind a proxy that nobody configured.
        if !address.is_loopback() {
            let key = hash(&[b"both", account.as_bytes(), from.as_bytes()]);
            throttles.push(throttle(ThrottleKind::AccountAndAddress, key, FREE_OF_BOTH, WAIT_MS_MAX));
            throttles.push(throttle(ThrottleKind::Address, known_by, FREE_OF_ADDRESS, WAIT_MS_MAX));
        }
        match inner.database.count_sign_in(throttles.clone(), now).await? {
            None => Ok(Self { throttles, address: known_by }),
            Some(until) => {
                let wait = u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0);
                Err(AppError::TooManyAttempts { retry_after: Duration::from_millis(wait) })
            }
        }
    }

    /// It has succeeded.
    pub(super) async fn succeed(self, inner: &Inner, user: UserId, now: UnixMillis) -> Result<(), AppError> {
        Ok(inner.database.forgive_sign_in(self.throttles, (user, self.address), now).await?)
    }
}

fn throttle(kind: ThrottleKind, key: [u8; 32], free: u32, wait_ms_max: i64) -> Throttle {
    Throttle { kind, key, free, wait_ms_max }
}

impl Inner {
    /// Forget what is known of sign-ins of long ago, and sessions that have ended.
    pub(crate) async fn purge_sign_ins(&self, now: UnixMillis) -> Result<(), AppError> {
        let before = |kept: i64| UnixMillis(now.0.saturating_sub(kept));
        let (failed, seen) = (before(FAILURES_KEPT_MS), before(KNOWN_FOR_MS));
        while self.database.purge_sign_ins(failed, seen, PURGED_AT_ONCE).await? >= PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        while self.database.purge_sessions(now, PURGED_AT_ONCE).await? >= PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
