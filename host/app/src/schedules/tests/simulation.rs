//! Schedules of all kinds over a year with both changes of the clocks, servers that are away, scripts that are paused and
//! clocks that go back: afterwards every slot has one row, and every start one execution.
#![expect(clippy::print_stdout, reason = "what a long simulation came to is for whoever started it")]

use std::collections::BTreeSet;

use super::*;

/// How many schedules there are. `./just soak schedules` asks for ten thousand.
const SCHEDULES: &str = "SCHEDULES";
const SCHEDULES_DEFAULT: usize = 60;

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "America/Nuuk",
    "Asia/Kolkata",
    "UTC",
];

/// The rarest first: of many schedules most are rare.
const EXPRESSIONS: [&str; 12] = [
    "0 0 29 2 *",
    "59 23 31 12 *",
    "0 6 1 * *",
    "0 12 L * *",
    "30 23 * * 6",
    "30 2 * * 0",
    "15 1,2,3 * * SUN",
    "0 9 * * MON#1",
    "0 18 15W * *",
    "30 2 * * *",
    "0 0 * * *",
    "20 */8 * * *",
];

/// Numbers without a pattern, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

struct Year {
    stage: Stage,
    numbers: Numbers,
    schedules: Vec<ScheduleId>,
    begin: UnixMillis,
    end: UnixMillis,
}

impl Year {
    async fn set(count: usize) -> Self {
        let stage = Stage::set_with(|mut config| {
            config.quotas.schedules = count as u64;
            config
        })
        .await;
        let (begin, end) = (at("2032-01-01T00:00:00Z"), at("2033-01-01T00:00:00Z"));
        let mut year = Self { stage, numbers: Numbers(4), schedules: Vec::new(), begin, end };
        for index in 0..count {
            // A few come due often; of ten thousand that would be millions of runs.
            let often = if index < SCHEDULES_DEFAULT { EXPRESSIONS.len() } else { EXPRESSIONS.len() - 3 };
            let schedule = ScheduleInput {
                overlap: year.numbers.one_of(Overlap::ALL),
                catch_up: year.numbers.one_of(CatchUp::ALL),
                ..input(EXPRESSIONS[year.numbers.below(often)], year.numbers.one_of(&ZONES))
            };
            let id = year.stage.schedule(schedule, begin).await;
            year.schedules.push(id);
        }
        year
    }

    async fn live(&mut self) {
        let mut now = self.begin;
        while now < self.end {
            self.stage.schedules().tick(now).await;
            match self.numbers.below(100) {
                // Runs end at some time.
                0..40 => self.stage.end_all().await,
                40..42 => self.stage.set_active(Some(false)).await,
                42..46 => self.stage.set_active(Some(true)).await,
                46 | 47 => self.pause_one(now).await,
                // The clock is set back.
                48 => self.stage.schedules().tick(later(now, -3 * HOUR)).await,
                // The server is away for hours or days.
                49 => now = later(now, self.numbers.one_of(&[HOUR, 10 * HOUR, 3 * DAY, 9 * DAY])),
                _ => {}
            }
            now = self.next_moment(now);
        }
        self.stage.set_active(Some(true)).await;
        self.stage.schedules().tick(self.end).await;
    }

    async fn pause_one(&mut self, now: UnixMillis) {
        let id = self.numbers.one_of(&self.schedules);
        let is_paused = !self.stage.read(id).is_paused;
        self.stage.pause(id, is_paused, now).await;
    }

    /// When something is due next, or half a minute later: what came due meanwhile is not late yet.
    fn next_moment(&self, now: UnixMillis) -> UnixMillis {
        let (database, never) = (&self.stage.app.inner.database, UnixMillis(i64::MAX));
        let due =
            database.due_schedules(never, 1).unwrap().into_iter().filter_map(|one| one.next).map(|next| next.due_at);
        let backlog = database.schedules_to_catch_up(never, 1).unwrap().into_iter().filter_map(|one| one.backlog);
        let next = due.chain(backlog.map(|backlog| backlog.due_at)).min().unwrap_or(self.end);
        next.max(later(now, MINUTE / 2))
    }

    /// Every slot until the next one has exactly one row, and every start an execution of its own.
    fn check(&self) {
        let mut executions = BTreeSet::new();
        let mut outcomes = BTreeSet::new();
        for id in &self.schedules {
            let (schedule, rows) = (self.stage.read(*id), self.rows(*id));
            let what = format!("{:?}", schedule.setting);
            let slots = Slots::of(&schedule).unwrap();
            let mut expected = slots.next_after(self.begin);
            let mut backlog = schedule.backlog;
            for row in &rows {
                if let Some(left) = backlog.filter(|left| Some(left.from) == expected) {
                    expected = slots.next_after(left.to);
                    backlog = None;
                }
                assert_eq!(Some(row.slot), expected, "a slot has no row, or two: {what}");
                assert_eq!(slots.count(row.slot, row.last_slot), row.slots, "{what}");
                expected = slots.next_after(row.last_slot);
                outcomes.insert((row.outcome.as_str(), row.reason.map(SlotReason::as_str)));
                assert_eq!(row.execution.is_some(), row.outcome == SlotOutcome::Started);
                assert!(row.execution.is_none_or(|execution| executions.insert(execution)), "{what}");
            }
            let expected =
                backlog.filter(|left| Some(left.from) == expected).map_or(expected, |left| slots.next_after(left.to));
            assert_eq!(schedule.next.map(|next| next.slot), expected, "the last slots have no row: {what}");
            assert!(schedule.next.is_none_or(|next| next.due_at > self.end), "{what}");
        }
        self.check_executions(&executions);
        assert!(outcomes.len() >= 6, "the year had too little of everything: {outcomes:?}");
        println!("{} schedules, {} runs, {outcomes:?}", self.schedules.len(), executions.len());
    }

    fn rows(&self, id: ScheduleId) -> Vec<ScheduleSlot> {
        let (database, tenant) = (&self.stage.app.inner.database, self.stage.principal.tenant);
        let mut rows = database.list_schedule_slots(tenant, id, None, 100_000).unwrap();
        rows.reverse();
        rows
    }

    fn check_executions(&self, started: &BTreeSet<domain::ExecutionId>) {
        let (mut found, mut cursor) = (0, None);
        loop {
            let filter = ExecutionFilter { trigger: Some(Trigger::Cron), ..ExecutionFilter::default() };
            let page = self.stage.app.executions().list(&self.stage.principal, filter, cursor, 1_000).unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(last.cursor());
            assert!(page.iter().all(|execution| started.contains(&execution.id)));
            found += page.len();
        }
        assert_eq!(found, started.len());
    }
}

#[tokio::test]
async fn over_a_year_no_slot_is_started_twice_and_none_is_missing_without_a_row_that_says_why() {
    let count = std::env::var(SCHEDULES).ok().and_then(|count| count.parse().ok()).unwrap_or(SCHEDULES_DEFAULT);
    let mut year = Year::set(count).await;
    year.live().await;
    year.check();
}
