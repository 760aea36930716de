//! The threads that guests run on: others than those that answer requests, so that a busy script keeps nobody waiting.

use std::{io, thread};

use tokio::runtime::{Builder, Runtime};

use crate::AppError;

/// A runtime of its own. Scripts yield to each other every few milliseconds.
pub(crate) struct Guests(Option<Runtime>);

impl Guests {
    pub(crate) fn start() -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let runtime =
            Builder::new_multi_thread().worker_threads(threads).thread_name("skerry-guest").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Run `work` on these threads, to its end even where nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, AppError> {
        match &self.0 {
            Some(runtime) => runtime.spawn(work).await.map_err(AppError::internal),
            None => Err(AppError::Unavailable),
        }
    }

    /// Start `work` and do not wait.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.0 {
            runtime.spawn(work);
        }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which an asynchronous caller must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
