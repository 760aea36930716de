//! The threads that guests run on: others than those that answer requests, so that a busy script keeps nobody waiting.
//! What nobody waits for runs on threads of its own, which the system lets run after all others.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    thread,
};

use tokio::runtime::{Builder, Runtime};

use crate::AppError;

/// How far threads of asynchronous work stand back: a tenth of what another thread gets of a busy core.
const NICENESS: i32 = 10;

/// Two runtimes of their own. Scripts yield to each other every few milliseconds.
pub(crate) struct Guests {
    waited_for: Threads,
    background: Threads,
}

/// A runtime that is shut down without waiting for it.
struct Threads(Option<Runtime>);

impl Guests {
    pub(crate) fn start() -> io::Result<Self> {
        let waited_for = Threads::start("skerry-guest", || ())?;
        let background = Threads::start("skerry-async", || {
            // Of this thread alone, on Linux. Where it is refused the work is merely not put back.
            if let Err(error) = rustix::process::nice(NICENESS) {
                tracing::debug!(%error, "a thread keeps its priority");
            }
        })?;
        Ok(Self { waited_for, background })
    }

    /// Run `work` that somebody waits for, to its end even where nobody does any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, AppError> {
        match &self.waited_for.0 {
            Some(runtime) => runtime.spawn(work).await.map_err(AppError::internal),
            None => Err(AppError::Unavailable),
        }
    }

    /// Start `work` that nobody waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.background.0 {
            runtime.spawn(Behind(Box::pin(work)));
        }
    }
}

/// Work that lets other threads go first each time it pauses, as a guest does at each tick of the epoch. The system would
/// let it go on until its slice of time is over, which is longer than most answers take.
struct Behind(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for Behind {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let polled = self.0.as_mut().poll(context);
        if polled.is_pending() {
            thread::yield_now();
        }
        polled
    }
}

impl Threads {
    fn start(name: &str, on_start: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(name).on_thread_start(on_start).enable_all();
        Ok(Self(Some(builder.build()?)))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which an asynchronous caller must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
