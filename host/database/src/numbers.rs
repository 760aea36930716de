//! Numbers as JSON text, and back: one rule for whoever adds to a stored number.

/// JSON's numbers, and none of the other texts that Rust reads as one (`inf`, `nan`).
pub fn parse_json_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_json = text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    if is_json { text.parse().ok() } else { None }
}

/// A number as JavaScript writes it where that is a whole one, else as JSON allows; both read back to the bit.
pub fn json_number(number: f64) -> String {
    // Whole numbers below this are exact, and Rust writes them without an exponent.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        // Adding 0 makes 0 of -0.
        format!("{:.0}", number + 0.0)
    } else {
        format!("{number:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_json_and_read_back() {
        for (number, text) in
            [(0.0, "0"), (-0.0, "0"), (3.0, "3"), (-7.0, "-7"), (0.1, "0.1"), (1e300, "1e300"), (1e-7, "1e-7")]
        {
            assert_eq!(json_number(number), text);
            assert_eq!(parse_json_number(text), Some(number));
        }
    }

    #[test]
    fn what_is_no_number_in_json_is_none_here() {
        for text in ["\"1\"", "null", "inf", "-inf", "nan", "NaN", "true", "[1]", "", "-"] {
            assert_eq!(parse_json_number(text), None, "{text}");
        }
    }
}
