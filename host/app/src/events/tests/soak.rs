//! Many events with failing consumers: the books have to balance, however many there are. `SKERRY_SOAK_EVENTS` makes it
//! long.

use std::{collections::BTreeMap, time::Instant};

use super::*;

/// Three of ten are never taken.
const THIRD: &str = "export default (event) => { if (event.data % 10 < 3) throw new Error('three of ten'); }";
/// Attempts of each delivery.
const ATTEMPTS: u32 = 2;
/// Half of the events have one of so many subjects for each ten thousand of them: within a subject one goes after another.
const SUBJECTS: usize = 1_000;

impl Stage {
    async fn publish_tick(&self, number: usize, subjects: usize) {
        let subject = number.is_multiple_of(2).then(|| format!("s{}", number / 2 % subjects));
        let input = EventInput { subject, ..event("tick", &number.to_string()) };
        while let Err(AppError::Quota { .. }) = self.app.events().publish(&self.principal, input.clone()).await {
            self.round().await;
        }
    }

    fn is_all_settled(&self) -> bool {
        let (database, tenant) = (&self.app.inner.database, self.principal.tenant);
        database.pending_events(tenant, 1).unwrap().is_empty()
            && database.next_tenant_with_ready_deliveries(None).unwrap().is_none()
            && database.queued_executions(tenant).unwrap() == 0
    }

    /// How many deliveries have come to each end, and the most attempts of one of a sample.
    fn books(&self, subscription: &Subscription) -> (BTreeMap<&'static str, usize>, u32) {
        let (database, tenant) = (&self.app.inner.database, self.principal.tenant);
        let (mut counted, mut attempts, mut before) = (BTreeMap::new(), 0, None);
        loop {
            let page = database.list_deliveries(tenant, subscription.id, before, 1_000).unwrap();
            let Some(last) = page.last() else { return (counted, attempts) };
            before = Some(last.position);
            for delivery in &page {
                *counted.entry(delivery.status.as_str()).or_default() += 1;
            }
            for execution in page.iter().step_by(100).filter_map(|delivery| delivery.execution) {
                attempts = attempts.max(database.get_execution(tenant, execution).unwrap().execution.attempt);
            }
        }
    }
}

/// The memory of this process that is in use, in MiB; 0 where the system does not say.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1024)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "how far a long run has come is for whoever started it")]
async fn of_many_events_with_failing_scripts_each_is_delivered_or_given_up() {
    let count: usize = std::env::var("SKERRY_SOAK_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(120);
    // What they weigh is not the question here.
    let stage = Stage::open(AppConfig { storage_limit_bytes: 1 << 40, ..AppConfig::in_memory() }).await;
    let subscription = stage.subscribe("third", THIRD, &["tick"], ATTEMPTS).await;
    let subjects = if count > 1_000 { count.div_ceil(10_000) * SUBJECTS } else { 4 };
    let began = Instant::now();
    for number in 0..count {
        stage.publish_tick(number, subjects).await;
        if number.is_multiple_of(10_000) {
            eprintln!("{number} published after {:?}, {} MiB", began.elapsed(), resident_mib());
        }
    }
    // Looked at now and then: whoever looks without pause keeps the scripts, which stand back, from their thread.
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while !stage.is_all_settled() {
        stage.round().await;
        looks.tick().await;
    }
    let took = began.elapsed();
    eprintln!("{count} events in {took:?}: {:.0}/s, {} MiB", count as f64 / took.as_secs_f64(), resident_mib());
    let (mut counted, attempts) = stage.books(&subscription);
    let failing = (0..count).filter(|number| number % 10 < 3).count();
    assert_eq!(counted.remove("dead").unwrap_or_default(), failing);
    assert_eq!(counted.remove("delivered").unwrap_or_default(), count - failing);
    assert!(counted.is_empty(), "{counted:?}");
    assert!(attempts <= ATTEMPTS, "{attempts} attempts");
    let letters = stage.letters();
    assert_eq!(letters.len(), failing.min(1_000));
    assert!(letters.iter().all(|letter| letter.reason == DeadReason::Attempts));
}
