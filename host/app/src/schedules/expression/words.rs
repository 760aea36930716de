//! What an expression says, shorter than the library that reads it puts it: stretches of days and months by their ends.

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The fewest names in a row that are said by their ends.
const STRETCH_MIN: usize = 3;

/// The description without a full stop, with stretches of weekdays and months as `Monday to Friday`.
pub(super) fn short(description: &str) -> String {
    let text = description.trim_end_matches('.').replace("At every ", "Every ").replace("., ", ", ");
    let text = stretched(text, &WEEKDAYS).replace(", on Monday to ", ", Monday to ");
    stretched(text, &MONTHS)
}

/// The text with each list of names that follow each other put as its first and its last one; longer lists first.
fn stretched(text: String, names: &[&str]) -> String {
    (STRETCH_MIN..=names.len()).rev().flat_map(|length| names.windows(length)).fold(text, |text, names| {
        let [first, .., last] = names else { return text };
        let list = format!("{}, and {last}", names[..names.len() - 1].join(", "));
        text.replace(&list, &format!("{first} to {last}"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Expression;

    fn words(expression: &str) -> String {
        Expression::stored(expression).map(|expression| expression.in_words()).unwrap_or_default()
    }

    #[test]
    fn an_expression_is_said_in_a_few_words() {
        assert_eq!(words("0 9 * * MON-FRI"), "At 09:00, Monday to Friday");
        assert_eq!(words("*/15 * * * *"), "Every 15 minutes");
        assert_eq!(words("* * * * *"), "Every minute");
    }

    #[test]
    fn what_is_no_stretch_is_named() {
        let two = words("30 8 * * MON,WED");
        assert!(two.contains("Monday and Wednesday") && !two.ends_with('.'), "{two}");
        let summer = words("0 0 1 6-8 *");
        assert!(summer.contains("June to August"), "{summer}");
    }
}
