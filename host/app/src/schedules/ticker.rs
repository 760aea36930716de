//! The ticker: one job, every second, in UTC, of which nothing is stored. It says that time has passed and nothing else;
//! what is due, the database knows (SPEC section 4.1).

use std::sync::{Arc, Weak};

use domain::UnixMillis;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{ScheduleService, catch_up::CatchingUp, scheduler::Scheduler};

const EVERY_SECOND: &str = "* * * * * *";

/// Tick until the application is gone.
///
/// # Errors
/// There is no runtime to tick on.
pub(crate) async fn start(service: &ScheduleService) -> Result<(), JobSchedulerError> {
    // One place each: seconds that pass while a tick goes on are one.
    let (passed, seconds) = mpsc::channel::<()>(1);
    let (passed_behind, seconds_behind) = mpsc::channel::<()>(1);
    let mut ticker = JobScheduler::new().await?;
    ticker.init().await?;
    let job = Job::new_async(EVERY_SECOND, move |_, _| {
        let both = [passed.clone(), passed_behind.clone()];
        Box::pin(async move {
            for passed in both {
                let _ = passed.try_send(());
            }
        })
    })?;
    ticker.add(job).await?;
    ticker.start().await?;
    tokio::spawn(run(Arc::downgrade(&service.scheduler), seconds, ticker));
    // A task of its own: what is live never waits for what catches up.
    tokio::spawn(catch_up(Arc::downgrade(&service.catching_up), seconds_behind));
    Ok(())
}

async fn run(scheduler: Weak<Scheduler>, mut seconds: mpsc::Receiver<()>, mut ticker: JobScheduler) {
    while seconds.recv().await.is_some() {
        let Some(scheduler) = scheduler.upgrade() else { break };
        scheduler.tick(UnixMillis::now()).await;
    }
    if let Err(error) = ticker.shutdown().await {
        tracing::warn!(%error, "the ticker did not stop");
    }
}

async fn catch_up(catching_up: Weak<CatchingUp>, mut seconds: mpsc::Receiver<()>) {
    while seconds.recv().await.is_some() {
        let Some(catching_up) = catching_up.upgrade() else { break };
        catching_up.round(UnixMillis::now()).await;
    }
}
