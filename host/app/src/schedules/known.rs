//! Expressions in their zones, as they were read before: many schedules say the same, and each of them often. What is kept
//! decides nothing, and is read anew where it is not there.

use database::Schedule;
use domain::Invalid;
use moka::sync::Cache;

use super::slots::Slots;

/// How many are kept: a few megabytes.
const KEPT: u64 = 1_000;

/// What was read.
#[derive(Clone)]
pub(super) struct KnownSlots(Cache<(String, String), Slots>);

impl KnownSlots {
    pub(super) fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// As [`Slots::of`].
    ///
    /// # Errors
    /// The database of time zones does not know the schedule's zone any more.
    pub(super) fn of(&self, schedule: &Schedule) -> Result<Slots, Invalid> {
        let key = (schedule.setting.expression.clone(), schedule.setting.timezone.clone());
        if let Some(slots) = self.0.get(&key) {
            return Ok(slots);
        }
        let slots = Slots::of(schedule)?;
        self.0.insert(key, slots.clone());
        Ok(slots)
    }
}
