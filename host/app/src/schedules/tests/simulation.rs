//! Schedules of all kinds over a year with both changes of the clocks, servers that are away, scripts that are paused and
//! clocks that go back: afterwards every slot has one row, and every start one execution.
#![expect(clippy::print_stdout, reason = "what a long simulation came to is for whoever started it")]

use std::collections::{BTreeMap, BTreeSet};

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

/// When schedules come due, and how many of ten thousand do so.
const EXPRESSIONS: [(&str, usize); 14] = [
    ("0 0 29 2 *", 1_000),
    ("59 23 31 12 *", 1_000),
    ("0 6 1 * *", 1_000),
    ("0 12 L * *", 1_000),
    ("0 9 * * MON#1", 1_000),
    ("0 18 15W * *", 1_000),
    ("30 23 * * 6", 1_250),
    ("30 2 * * 0", 1_250),
    ("15 1,2,3 * * SUN", 1_000),
    ("30 2 * * *", 200),
    ("0 0 * * *", 200),
    ("20 */8 * * *", 80),
    ("30 * * * *", 15),
    ("*/15 * * * *", 5),
];

/// Of few schedules none comes due that often: the last of them alone has thirty-five thousand slots.
const OFTEN: usize = 2;

/// How many schedules there are at least where some of them come due often.
const MANY: usize = 1_000;

/// How often something goes wrong.
const DISTURBED_MS: i64 = 6 * HOUR;

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
            let schedule = ScheduleInput {
                overlap: year.numbers.one_of(Overlap::ALL),
                catch_up: year.numbers.one_of(CatchUp::ALL),
                ..input(year.expression(index, count), year.numbers.one_of(&ZONES))
            };
            let id = year.stage.schedule(schedule, begin).await;
            year.schedules.push(id);
        }
        year
    }

    /// One of each first, and then by their parts.
    fn expression(&mut self, index: usize, count: usize) -> &'static str {
        let expressions = &EXPRESSIONS[..if count < MANY { EXPRESSIONS.len() - OFTEN } else { EXPRESSIONS.len() }];
        if let Some((expression, _)) = expressions.get(index) {
            return expression;
        }
        let mut at = self.numbers.below(expressions.iter().map(|(_, part)| part).sum());
        let found = expressions.iter().find(|(_, part)| {
            let is_here = at < *part;
            at = at.saturating_sub(*part);
            is_here
        });
        found.unwrap().0
    }

    async fn live(&mut self) {
        let (mut now, mut disturbed_at) = (self.begin, self.begin);
        while now < self.end {
            self.stage.schedules().tick(now).await;
            // Runs end at some time.
            if self.numbers.below(10) < 4 {
                self.stage.end_all().await;
            }
            if now >= later(disturbed_at, DISTURBED_MS) {
                disturbed_at = now;
                now = self.disturb(now).await;
            }
            now = self.next_moment(now);
        }
        self.stage.set_active(Some(true)).await;
        self.stage.schedules().tick(self.end).await;
    }

    /// What happens to servers and schedules. Answers when it is over.
    async fn disturb(&mut self, now: UnixMillis) -> UnixMillis {
        match self.numbers.below(100) {
            0..3 => self.stage.set_active(Some(false)).await,
            3..18 => self.stage.set_active(Some(true)).await,
            18..20 => self.pause_one(now).await,
            // The clock is set back.
            30..40 => self.stage.schedules().tick(later(now, -3 * HOUR)).await,
            // The server is away for hours or days.
            40..44 => return later(now, self.numbers.one_of(&[HOUR, 3 * HOUR, 10 * HOUR, 4 * DAY])),
            _ => {}
        }
        now
    }

    async fn pause_one(&mut self, now: UnixMillis) {
        let id = self.numbers.one_of(&self.schedules);
        let is_paused = !self.stage.read(id).is_paused;
        self.stage.pause(id, is_paused, now).await;
    }

    /// When something is due next, or half a minute later: what came due meanwhile is not late yet.
    fn next_moment(&self, now: UnixMillis) -> UnixMillis {
        let (database, never) = (&self.stage.app.inner.database, UnixMillis(i64::MAX));
        let due = database.due_schedules(never, 1).unwrap().schedules;
        let due = due.into_iter().filter_map(|one| one.next).map(|next| next.due_at);
        let backlog = database.schedules_to_catch_up(never, 1).unwrap().schedules;
        let backlog = backlog.into_iter().filter_map(|one| one.backlog);
        let next = due.chain(backlog.map(|backlog| backlog.due_at)).min().unwrap_or(self.end);
        next.max(later(now, MINUTE / 2))
    }

    /// Every slot until the next one has exactly one row or is still to be caught up, and every start an execution of its
    /// own.
    fn check(&self) {
        let mut executions = BTreeSet::new();
        let mut outcomes = BTreeMap::new();
        for id in &self.schedules {
            let (schedule, rows) = (self.stage.read(*id), self.rows(*id));
            self.check_slots(&schedule, &rows);
            for row in rows {
                let of_kind = outcomes.entry((row.outcome.as_str(), row.reason.map(SlotReason::as_str))).or_insert(0);
                *of_kind += row.slots;
                assert_eq!(row.execution.is_some(), row.outcome == SlotOutcome::Started);
                assert!(row.execution.is_none_or(|execution| executions.insert(execution)), "{id}");
            }
        }
        self.check_executions(&executions);
        assert!(outcomes.len() >= 5, "the year had too little of everything: {outcomes:?}");
        let slots: u64 = outcomes.values().sum();
        println!("{} schedules, {slots} slots, {} runs, {outcomes:?}", self.schedules.len(), executions.len());
    }

    fn check_slots(&self, schedule: &Schedule, rows: &[ScheduleSlot]) {
        let (slots, what) = (Slots::of(schedule).unwrap(), format!("{:?}", schedule.setting));
        let decided = rows.iter().map(|row| {
            assert_eq!(slots.count(row.slot, row.last_slot), row.slots, "{what}");
            (row.slot, row.last_slot)
        });
        let waiting = self.stage.app.inner.backlog_of(schedule).unwrap();
        let mut stretches: Vec<_> = decided.chain(waiting.iter().map(|range| (range.from, range.to))).collect();
        stretches.sort();
        let mut expected = slots.next_after(self.begin);
        for (first, last) in stretches {
            assert_eq!(Some(first), expected, "a slot has no row, or two: {what}");
            expected = slots.next_after(last);
        }
        assert_eq!(schedule.next.map(|next| next.slot), expected, "the last slots have no row: {what}");
        assert!(schedule.next.is_none_or(|next| next.due_at > self.end), "{what}");
    }

    fn rows(&self, id: ScheduleId) -> Vec<ScheduleSlot> {
        let (database, tenant) = (&self.stage.app.inner.database, self.stage.principal.tenant);
        let mut rows = database.list_schedule_slots(tenant, id, None, 100_000).unwrap();
        rows.reverse();
        rows
    }

    fn check_executions(&self, started: &BTreeSet<domain::ExecutionId>) {
        let (mut found, mut cursor) = (BTreeSet::new(), None);
        loop {
            let filter = ExecutionFilter { trigger: Some(Trigger::Cron), ..ExecutionFilter::default() };
            let page = self.stage.app.executions().list(&self.stage.principal, &filter, cursor, 1_000).unwrap();
            for execution in page.executions {
                assert!(started.contains(&execution.id), "{execution:?}");
                // One that begins while the pages are read, by the machine's own clock, is on two of them.
                found.insert(execution.id);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), started.len());
    }
}

#[tokio::test]
async fn over_a_year_no_slot_is_started_twice_and_none_is_missing_without_a_row_that_says_why() {
    let count = std::env::var(SCHEDULES).ok().and_then(|count| count.parse().ok()).unwrap_or(SCHEDULES_DEFAULT);
    let mut year = Year::set(count).await;
    year.live().await;
    year.check();
}
