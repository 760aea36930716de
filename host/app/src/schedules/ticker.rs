//! The ticker: one job, every second, in UTC, of which nothing is stored. It says that time has passed and nothing else;
//! what is due, the database knows (SPEC section 4.1).

use std::sync::{Arc, Weak};

use domain::UnixMillis;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::{ScheduleService, scheduler::Scheduler};

const EVERY_SECOND: &str = "* * * * * *";

/// Tick until the application is gone.
///
/// # Errors
/// There is no runtime to tick on.
pub(crate) async fn start(service: &ScheduleService) -> Result<(), JobSchedulerError> {
    // One place: seconds that pass while a tick goes on are one.
    let (passed, seconds) = mpsc::channel::<()>(1);
    let mut ticker = JobScheduler::new().await?;
    ticker.init().await?;
    let job = Job::new_async(EVERY_SECOND, move |_, _| {
        let passed = passed.clone();
        Box::pin(async move {
            let _ = passed.try_send(());
        })
    })?;
    ticker.add(job).await?;
    ticker.start().await?;
    tokio::spawn(run(Arc::downgrade(&service.scheduler), seconds, ticker));
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
