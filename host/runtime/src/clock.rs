//! The clock of the host, so that tests own it.

use std::{fmt::Debug, time::Duration};

use domain::UnixMillis;
use futures_util::future::BoxFuture;

/// Where an execution's time comes from. Its own clock shows this one's time only when an answer is handed over.
pub trait Clock: Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> UnixMillis;

    /// Come back after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
