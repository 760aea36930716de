//! `utils.date`: moments as milliseconds, in the time zones of the IANA database, which is part of the engine.

use javy::quickjs::{Ctx, Error, Exception, Object, Result};
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit, Zoned, ZonedRound, fmt};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "parse": parse,
        "format": format,
        "add": add,
        "startOf": start_of,
        "parts": parts,
    });
    prelude(cx, kit, "dates", include_str!("dates.js"), native)
}

/// RFC 3339 with an offset, or a date (with or without a time) in `zone`.
fn parse(cx: Ctx<'_>, text: String, zone: String) -> Result<f64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond() as f64);
    }
    let local: DateTime = text.parse().map_err(|_| refuse(&cx, &format!("not a date: {text:?}")))?;
    let zoned = local.to_zoned(time_zone(&cx, &zone)?).map_err(|error| refuse(&cx, &error.to_string()))?;
    Ok(zoned.timestamp().as_millisecond() as f64)
}

/// `pattern` is strftime's; an empty one is RFC 3339.
fn format(cx: Ctx<'_>, ms: f64, pattern: String, zone: String) -> Result<String> {
    let zoned = zoned(&cx, ms, &zone)?;
    if pattern.is_empty() {
        return Ok(zoned.timestamp().display_with_offset(zoned.offset()).to_string());
    }
    fmt::strtime::format(&pattern, &zoned).map_err(|error| refuse(&cx, &error.to_string()))
}

/// Add years, months, weeks, days, hours, minutes, seconds and milliseconds, in that order, by the calendar of `zone`.
fn add(cx: Ctx<'_>, ms: f64, amounts: Vec<f64>, zone: String) -> Result<f64> {
    const UNITS: [Unit; 8] =
        [Unit::Year, Unit::Month, Unit::Week, Unit::Day, Unit::Hour, Unit::Minute, Unit::Second, Unit::Millisecond];
    let refused = |error: jiff::Error| refuse(&cx, &error.to_string());
    let mut span = Span::new();
    for (unit, amount) in UNITS.into_iter().zip(amounts) {
        span = with_unit(span, unit, amount as i64).map_err(refused)?;
    }
    let sum = zoned(&cx, ms, &zone)?.checked_add(span).map_err(refused)?;
    Ok(sum.timestamp().as_millisecond() as f64)
}

fn with_unit(span: Span, unit: Unit, amount: i64) -> std::result::Result<Span, jiff::Error> {
    match unit {
        Unit::Year => span.try_years(amount),
        Unit::Month => span.try_months(amount),
        Unit::Week => span.try_weeks(amount),
        Unit::Day => span.try_days(amount),
        Unit::Hour => span.try_hours(amount),
        Unit::Minute => span.try_minutes(amount),
        Unit::Second => span.try_seconds(amount),
        _ => span.try_milliseconds(amount),
    }
}

/// The first moment of the year, month, week (from Monday), day, hour, minute or second.
fn start_of(cx: Ctx<'_>, ms: f64, unit: String, zone: String) -> Result<f64> {
    let zoned = zoned(&cx, ms, &zone)?;
    let refused = |error: jiff::Error| refuse(&cx, &error.to_string());
    let start = match unit.as_str() {
        "year" => zoned.first_of_year().and_then(|day| day.start_of_day()),
        "month" => zoned.first_of_month().and_then(|day| day.start_of_day()),
        "week" => monday(&zoned),
        "day" => zoned.start_of_day(),
        "hour" => truncate(&zoned, Unit::Hour),
        "minute" => truncate(&zoned, Unit::Minute),
        "second" => truncate(&zoned, Unit::Second),
        _ => {
            let units = "year, month, week, day, hour, minute or second";
            return Err(refuse(&cx, &format!("the unit must be {units}, not {unit:?}")));
        }
    };
    Ok(start.map_err(refused)?.timestamp().as_millisecond() as f64)
}

fn monday(zoned: &Zoned) -> std::result::Result<Zoned, jiff::Error> {
    let days = i64::from(zoned.weekday().since(Weekday::Monday));
    zoned.checked_sub(Span::new().try_days(days)?)?.start_of_day()
}

fn truncate(zoned: &Zoned, unit: Unit) -> std::result::Result<Zoned, jiff::Error> {
    zoned.round(ZonedRound::new().smallest(unit).mode(jiff::RoundMode::Trunc))
}

/// Year, month, day, hour, minute, second, millisecond, weekday (Monday is 1) and offset in minutes.
fn parts(cx: Ctx<'_>, ms: f64, zone: String) -> Result<Vec<i32>> {
    let zoned = zoned(&cx, ms, &zone)?;
    Ok(vec![
        zoned.year().into(),
        zoned.month().into(),
        zoned.day().into(),
        zoned.hour().into(),
        zoned.minute().into(),
        zoned.second().into(),
        zoned.millisecond().into(),
        zoned.weekday().to_monday_one_offset().into(),
        zoned.offset().seconds() / 60,
    ])
}

fn zoned(cx: &Ctx<'_>, ms: f64, zone: &str) -> Result<Zoned> {
    let moment = Timestamp::from_millisecond(ms as i64).map_err(|error| refuse(cx, &error.to_string()))?;
    Ok(moment.to_zoned(time_zone(cx, zone)?))
}

fn time_zone(cx: &Ctx<'_>, name: &str) -> Result<TimeZone> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| refuse(cx, &format!("not a time zone: {name:?}")))
}

fn refuse(cx: &Ctx<'_>, message: &str) -> Error {
    Exception::throw_range(cx, &format!("utils.date: {message}"))
}
