//! Which texts are expressions, and what each refusal says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::civil::date;

use super::*;

const SECONDS: ScheduleRules = ScheduleRules { min_interval: Duration::from_secs(1), seconds: SecondsField::Allowed };

fn now() -> DateTime {
    date(2026, 11, 23).at(9, 30, 15, 0)
}

fn parse(text: &str) -> Result<Expression, Invalid> {
    Expression::parse(text, &ScheduleRules::default(), now())
}

fn refusal(text: &str) -> String {
    let invalid = parse(text).expect_err(text);
    assert_eq!(invalid.field, "expression");
    invalid.message
}

fn first(text: &str) -> String {
    parse(text).unwrap().next(now(), Edge::Excluded).unwrap().to_string()
}

#[test]
fn what_cron_writes_is_taken() {
    for (text, expected) in [
        ("* * * * *", "2026-11-23T09:31:00"),
        ("  0   9  *  * * ", "2026-11-24T09:00:00"),
        ("*/15 9-17 * * 1-5", "2026-11-23T09:45:00"),
        ("0 0 1 jan *", "2027-01-01T00:00:00"),
        ("0 12 * * Mon", "2026-11-23T12:00:00"),
        ("0 12 * * 7", "2026-11-29T12:00:00"),
        ("@daily", "2026-11-24T00:00:00"),
        ("@Hourly", "2026-11-23T10:00:00"),
    ] {
        assert_eq!(first(text), expected, "{text}");
    }
}

#[test]
fn last_days_nearest_weekdays_and_weekdays_of_a_month_are_taken() {
    for (text, expected) in [
        ("0 0 L * *", "2026-11-30T00:00:00"),
        ("0 0 L 2 *", "2027-02-28T00:00:00"),
        ("0 0 LW 1 *", "2027-01-29T00:00:00"),
        ("0 0 15W 8 *", "2027-08-16T00:00:00"),
        ("0 0 * * MON#2", "2026-12-14T00:00:00"),
        ("0 0 * * FRI#L", "2026-11-27T00:00:00"),
        ("0 0 13 * +FRI", "2027-08-13T00:00:00"),
    ] {
        assert_eq!(first(text), expected, "{text}");
    }
}

#[test]
fn malformed_forms_of_last_days_and_weekdays_are_refused() {
    for text in ["0 0 32W * *", "0 0 W * *", "0 0 WL * *", "0 0 LL * *", "0 0 L-3 * *"] {
        assert!(refusal(text).contains("day of the month"), "{text}");
    }
    for text in ["0 0 * * MON#6", "0 0 * * MON#0", "0 0 * * #2", "0 0 * * MON#", "0 0 * * 15W", "0 0 * * 8"] {
        assert!(refusal(text).contains("day of the week"), "{text}");
    }
    assert!(refusal("0 L * * *").contains("'L' is no hour"));
}

#[test]
fn a_refusal_names_the_field_and_what_is_allowed_in_it() {
    for (text, expected) in [
        ("60 * * * *", "'60' is no minute: allowed are 0 to 59"),
        ("0 24 * * *", "'24' is no hour"),
        ("0 0 0 * *", "'0' is no day of the month"),
        ("0 0 1 13 *", "'13' is no month"),
        ("0 0 1 MON *", "'MON' is no month"),
        ("0 MON * * *", "'MON' is no hour"),
        ("0 0 * * JAN", "'JAN' is no day of the week"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("1,,2 * * * *", "'1,,2' is no minute"),
        ("1- * * * *", "'1-' is no minute"),
        ("-1 * * * *", "'-1' is no minute"),
        ("1.5 * * * *", "'1.5' is no minute"),
        ("99999999999999999999 * * * *", "is no minute"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn the_number_of_fields_is_five() {
    for text in ["", " ", "*", "* * * *", "0 0 0 1 1 * 2027", "* * * * * * * *"] {
        assert!(refusal(text).contains("five fields"), "{text:?}");
    }
}

#[test]
fn six_fields_are_refused_where_seconds_are_not_switched_on() {
    assert!(refusal("0 0 9 * * *").contains("seconds are not switched on"));
    let allowed = Expression::parse("30 0 9 * * *", &SECONDS, now()).unwrap();
    assert_eq!(allowed.next(now(), Edge::Excluded).unwrap().to_string(), "2026-11-24T09:00:30");
    assert!(Expression::parse("60 0 9 * * *", &SECONDS, now()).unwrap_err().message.contains("'60' is no second"));
}

#[test]
fn nicknames_without_a_time_are_refused() {
    for text in ["@reboot", "@every 5m", "@", "@@daily", "daily"] {
        refusal(text);
    }
    assert!(refusal("@reboot").contains("there is no '@reboot' here"));
}

#[test]
fn nul_emoji_control_characters_and_overlong_texts_are_refused() {
    for text in
        ["0 0 * * *\0", "0 0 * * \u{1F600}", "0\t0 * * *", "0 0 * * *\n", "\u{0660} 0 * * *", "0 0 * * \u{FF0A}"]
    {
        assert!(refusal(text).contains("nothing else"), "{text:?}");
    }
    assert!(refusal(&format!("{} 0 * * *", "1,".repeat(200))).contains("at most 300 characters"));
}

#[test]
fn an_expression_that_never_comes_due_is_refused() {
    for text in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 31 4 *"] {
        assert!(refusal(text).contains("never comes due"), "{text}");
    }
}

#[test]
fn leap_days_come_due_in_leap_years() {
    assert_eq!(first("0 0 29 2 *"), "2028-02-29T00:00:00");
    let in_2097 = date(2097, 1, 1).at(0, 0, 0, 0);
    assert_eq!(
        parse("0 0 29 2 *").unwrap().next(in_2097, Edge::Excluded).unwrap().to_string(),
        "2104-02-29T00:00:00",
        "2100 is no leap year"
    );
    assert_eq!(first("0 0 29 2 +MON#5"), "2044-02-29T00:00:00");
}

#[test]
fn the_shortest_interval_is_looked_for_among_all_times() {
    let with = |seconds: u64, text: &str| {
        let rules = ScheduleRules { min_interval: Duration::from_secs(seconds), seconds: SecondsField::Allowed };
        Expression::parse(text, &rules, now()).map_err(|invalid| invalid.message)
    };
    for (seconds, text, every) in [
        (60, "* * * * * *", Some(1)),
        (60, "*/10 * * * * *", Some(10)),
        (60, "0,30 0 9 * * *", Some(30)),
        (60, "0,59 59 23 31 12 *", Some(59)),
        (60, "0 * * * * *", None),
        (60, "30 0 9 1 1 *", None),
        (61, "* * * * *", Some(60)),
        (300, "0,3 9 1 1 *", Some(180)),
        (300, "0,59 0,23 * * *", Some(60)),
        (300, "1,58 0,23 * * *", Some(180)),
        // No two of its days follow one another.
        (300, "1,30 0 1 * *", None),
        (300, "1 0,23 1 * *", None),
        (180, "0 0 1,31 * *", None),
        (300, "*/5 * * * *", None),
        (300, "*/7 * * * *", Some(240)),
        (3600, "0 */5 * * *", None),
        (3600, "30 * * * *", None),
    ] {
        match (with(seconds, text), every) {
            (Ok(_), None) => {}
            (Err(message), Some(every)) => {
                assert!(message.contains(&format!("every {every} s")), "{seconds} {text}: {message}");
            }
            (result, _) => panic!("{seconds} {text}: {result:?}"),
        }
    }
}

#[test]
fn midnight_counts_only_where_days_follow_one_another() {
    let rules = ScheduleRules { min_interval: Duration::from_secs(600), seconds: SecondsField::Refused };
    let taken = |text: &str| Expression::parse(text, &rules, now()).is_ok();
    assert!(!taken("1,58 0,23 31,1 * *"), "58 minutes past 23 and a minute past 0 of the day after");
    assert!(taken("58 23 1 * *") && taken("1 0 1 * *"));
    assert!(!taken("3-58/55 0,23 * * *"));
}

#[test]
fn times_are_counted_as_they_are_found() {
    for text in ["*/7 * * * *", "0 9 * * 1-5", "15,45 0,12,23 * * *", "0 0 L * *", "59 23 31 12 *", "0 0 29 2 *"] {
        let expression = parse(text).unwrap();
        let from = date(2027, 12, 30).at(11, 58, 30, 0);
        for until in [
            from,
            date(2027, 12, 30).at(23, 59, 0, 0),
            date(2028, 1, 1).at(0, 0, 0, 0),
            date(2028, 3, 2).at(7, 1, 0, 0),
        ] {
            let mut found = 0;
            let mut time = expression.next(from, Edge::Included);
            while let Some(at) = time.filter(|at| *at < until) {
                found += 1;
                time = expression.next(at, Edge::Excluded);
            }
            assert_eq!(expression.count(from, until), found, "{text} until {until}");
        }
    }
}
