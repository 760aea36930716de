//! Cron expressions: what is taken for one, and which times of which days it names. Where on the line of time these
//! are, `slots` knows.

mod words;

use std::{fmt, time::Duration};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use domain::Invalid;
use jiff::{ToSpan, civil::DateTime};

/// The longest expression: lists of every minute and hour fit.
const CHARS_MAX: usize = 300;

const DAY_SECONDS: u32 = 24 * 60 * 60;

/// After so many years weekdays and leap days repeat, but for the turn of a century.
const CALENDAR_YEARS: i16 = 28;

const NICKNAMES: [&str; 6] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What an operator lets expressions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleRules {
    /// The shortest time between two slots of one schedule; from a second to an hour.
    pub min_interval: Duration,
    /// Whether expressions may have a field for seconds.
    pub seconds: SecondsField,
}

/// Whether an expression may have a field for seconds, as its first of six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondsField {
    /// Five fields or six.
    Allowed,
    /// Five fields.
    Refused,
}

impl Default for ScheduleRules {
    /// A minute is as often as cron itself runs anything.
    fn default() -> Self {
        Self { min_interval: Duration::from_secs(60), seconds: SecondsField::Refused }
    }
}

/// One field of an expression.
struct Field {
    name: &'static str,
    allowed: &'static str,
    /// Letters that stand for something in it, beside names.
    letters: &'static [&'static str],
    names: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field { name: "second", allowed: "0 to 59", letters: &[], names: &[] },
    Field { name: "minute", allowed: "0 to 59", letters: &[], names: &[] },
    Field { name: "hour", allowed: "0 to 23", letters: &[], names: &[] },
    Field {
        name: "day of the month",
        allowed: "1 to 31, 'L' for the last one, '15W' for the weekday nearest to the 15th",
        letters: &["L", "W", "LW"],
        names: &[],
    },
    Field { name: "month", allowed: "1 to 12, or JAN to DEC", letters: &[], names: &MONTHS },
    Field {
        name: "day of the week",
        allowed: "0 to 7 or SUN to SAT, 'MON#2' for the second Monday, 'FRI#L' for the last Friday",
        letters: &["L"],
        names: &WEEKDAYS,
    },
];

/// A cron expression that names at least one time.
#[derive(Clone)]
pub(crate) struct Expression {
    cron: Cron,
    /// Whether its times of day are a pattern (`*`, `/`) that runs through, and not fixed times.
    runs_through: bool,
}

impl Expression {
    /// Take `text` for an expression under the operator's rules.
    ///
    /// # Errors
    /// What is wrong with it, by field: it is none, it never comes due after `now`, or it does so too often.
    pub(crate) fn parse(text: &str, rules: &ScheduleRules, now: DateTime) -> Result<Self, Invalid> {
        let expression = Self::read(text, rules.seconds)?;
        if expression.next(now, Edge::Excluded).is_none() {
            return Err(refused(format!("'{}' never comes due: no such day is in any calendar", text.trim())));
        }
        expression.require_interval(rules.min_interval, now)?;
        Ok(expression)
    }

    /// As [`Self::parse`], of what was saved under rules that may have been others.
    ///
    /// # Errors
    /// It is no expression.
    pub(crate) fn stored(text: &str) -> Result<Self, Invalid> {
        Self::read(text, SecondsField::Allowed)
    }

    /// The times as a person says them: `At 09:00, Monday to Friday`.
    pub(crate) fn in_words(&self) -> String {
        words::short(&self.cron.describe())
    }

    fn read(text: &str, seconds: SecondsField) -> Result<Self, Invalid> {
        if text.len() > CHARS_MAX {
            return Err(refused(format!("an expression has at most {CHARS_MAX} characters")));
        }
        if !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            return Err(refused("an expression has digits, letters, spaces and '* / , - # + ?', and nothing else"));
        }
        let text = text.trim().to_ascii_uppercase();
        if text.starts_with('@') {
            require_nickname(&text)?;
        } else {
            require_fields(&text, seconds)?;
        }
        let cron = parser().parse(&text).map_err(|_| refused(format!("'{text}' is no cron expression")))?;
        // The text that croner keeps is without nicknames. The last three fields are days.
        let fields: Vec<&str> = cron.as_str().split_whitespace().collect();
        let times = fields.len().saturating_sub(3);
        let runs_through = fields.iter().take(times).any(|field| field.contains(['*', '/']));
        Ok(Self { cron, runs_through })
    }

    /// Whether its times of day are a pattern that runs through a change of the clocks. Others are fixed times, each of
    /// which comes due once a day.
    pub(crate) fn runs_through(&self) -> bool {
        self.runs_through
    }

    /// The first time on a calendar and a clock from `from` on.
    pub(crate) fn next(&self, from: DateTime, edge: Edge) -> Option<DateTime> {
        self.cron.find_next_occurrence(&from, edge == Edge::Included).ok()
    }

    /// The last time on a calendar and a clock up to and with `until`.
    pub(crate) fn last(&self, until: DateTime) -> Option<DateTime> {
        self.cron.find_previous_occurrence(&until, true).ok()
    }

    /// Whether `time` is one of its times.
    pub(crate) fn names(&self, time: DateTime) -> bool {
        self.cron.is_time_matching(&time).unwrap_or(false)
    }

    /// How many of its times are from `from` until before `until`. Takes as long as there are days between them.
    pub(crate) fn count(&self, from: DateTime, until: DateTime) -> u64 {
        if from >= until {
            return 0;
        }
        let before_from = if self.names_day(from) { self.times_before(second_of_day(from)) } else { 0 };
        let last_day = if self.names_day(until) { self.times_before(second_of_day(until)) } else { 0 };
        let a_day = self.times_before(DAY_SECONDS);
        let mut days = 0;
        let mut day = from.date();
        while day < until.date() {
            days += u64::from(self.names_day(day.to_datetime(jiff::civil::Time::midnight())));
            let Ok(tomorrow) = day.tomorrow() else { break };
            day = tomorrow;
        }
        days * a_day + last_day - before_from
    }

    /// Whether the day of `time` is one of its days.
    fn names_day(&self, time: DateTime) -> bool {
        let first = self.times_of_day().next();
        let at_first = first.and_then(|second| midnight(time).checked_add(i64::from(second).seconds()).ok());
        at_first.is_some_and(|at_first| self.names(at_first))
    }

    /// How many of its times of day are before the second `before` of the day.
    fn times_before(&self, before: u32) -> u64 {
        let pattern = &self.cron.pattern;
        let (hours, minutes, seconds) = (pattern.hours.values(), pattern.minutes.values(), pattern.seconds.values());
        let below =
            |values: &[u16], limit: u32| values.iter().filter(|value| u32::from(**value) < limit).count() as u64;
        let has = |values: &[u16], value: u32| values.iter().any(|other| u32::from(*other) == value);
        let (hour, minute, second) = (before / 3600, before / 60 % 60, before % 60);
        let mut count = below(&hours, hour) * minutes.len() as u64 * seconds.len() as u64;
        if has(&hours, hour) {
            count += below(&minutes, minute) * seconds.len() as u64;
            if has(&minutes, minute) {
                count += below(&seconds, second);
            }
        }
        count
    }

    /// Its times of day in seconds since midnight, in their order.
    fn times_of_day(&self) -> impl Iterator<Item = u32> {
        let pattern = &self.cron.pattern;
        let (hours, minutes, seconds) = (pattern.hours.values(), pattern.minutes.values(), pattern.seconds.values());
        hours.into_iter().flat_map(move |hour| {
            let seconds = seconds.clone();
            minutes.clone().into_iter().flat_map(move |minute| {
                let start = u32::from(hour) * 3600 + u32::from(minute) * 60;
                seconds.clone().into_iter().map(move |second| start + u32::from(second))
            })
        })
    }

    /// The shortest time between two of its times is not below `min`. Over midnight that is looked for where two of its
    /// days follow one another.
    fn require_interval(&self, min: Duration, now: DateTime) -> Result<(), Invalid> {
        let min_seconds = u32::try_from(min.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
        let mut shortest = u32::MAX;
        let (mut first, mut last) = (None, None);
        for time in self.times_of_day() {
            shortest = shortest.min(last.map_or(u32::MAX, |last: u32| time - last));
            if shortest < min_seconds {
                break;
            }
            first = first.or(Some(time));
            last = Some(time);
        }
        if let (Some(first), Some(last)) = (first, last) {
            let over_midnight = DAY_SECONDS - last + first;
            if over_midnight < min_seconds && self.has_days_in_a_row(now) {
                shortest = shortest.min(over_midnight);
            }
        }
        if shortest >= min_seconds {
            return Ok(());
        }
        Err(refused(format!(
            "it comes due every {shortest} s at its closest, and here {min_seconds} s is the least there may be between \
             two runs"
        )))
    }

    fn has_days_in_a_row(&self, now: DateTime) -> bool {
        let mut yesterday = false;
        let mut day = midnight(now);
        let Ok(end) = day.checked_add(CALENDAR_YEARS.years()) else { return true };
        while day < end {
            let today = self.names_day(day);
            if today && yesterday {
                return true;
            }
            yesterday = today;
            let Ok(tomorrow) = day.checked_add(1.day()) else { break };
            day = tomorrow;
        }
        false
    }
}

/// As it was written: croner's form of it has a place for each year.
impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.cron.as_str()).finish()
    }
}

/// Whether what a search begins at may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// It may.
    Included,
    /// It may not.
    Excluded,
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build()
}

fn midnight(time: DateTime) -> DateTime {
    time.date().to_datetime(jiff::civil::Time::midnight())
}

fn second_of_day(time: DateTime) -> u32 {
    // A clock's parts are never negative.
    [time.hour(), time.minute(), time.second()]
        .into_iter()
        .fold(0, |sum, part| sum * 60 + u32::from(part.unsigned_abs()))
}

fn refused(message: impl Into<String>) -> Invalid {
    Invalid::new("expression", message)
}

fn require_nickname(text: &str) -> Result<(), Invalid> {
    if NICKNAMES.iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    let text = text.to_ascii_lowercase();
    Err(refused(format!("there is no '{text}' here; there are {}", NICKNAMES.join(", "))))
}

/// Judge each field by itself, so that the answer can say which one is wrong.
fn require_fields(text: &str, seconds: SecondsField) -> Result<(), Invalid> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let first = match (fields.len(), seconds) {
        (5, _) => 1,
        (6, SecondsField::Allowed) => 0,
        (6, SecondsField::Refused) => {
            return Err(refused("an expression has five fields here: seconds are not switched on at this server"));
        }
        (found, _) => {
            return Err(refused(format!(
                "an expression has five fields (minute, hour, day of the month, month, day of the week), and not {found}"
            )));
        }
    };
    for (index, text) in (first..).zip(fields) {
        if !is_field(index, text) {
            let Field { name, allowed, .. } = &FIELDS[index];
            return Err(refused(format!(
                "'{text}' is no {name}: allowed are {allowed}, '*', lists as '1,2', ranges as '1-5' and steps as '*/2'"
            )));
        }
    }
    Ok(())
}

fn is_field(index: usize, text: &str) -> bool {
    let field = &FIELDS[index];
    // Croner takes a name of any field in each of them: a weekday would be an hour.
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let is_word = |word: &str| {
        let name = if field.letters.contains(&"L") { word.strip_suffix('L').unwrap_or(word) } else { word };
        field.letters.contains(&word) || field.names.contains(&name)
    };
    // It also takes a list with nothing between two commas.
    let has_gap = text.split(',').any(str::is_empty);
    let mut alone = ["*"; 6];
    alone[index] = text;
    !has_gap && words.into_iter().all(is_word) && parser().parse(&alone.join(" ")).is_ok()
}

#[cfg(test)]
mod tests;
