//! Text of others within TypeScript: names, literals and comments that cannot be more than that.

use serde_json::Value;

/// The most characters of a comment: what is longer belongs into the service's own manual.
const COMMENT_CHARS_MAX: usize = 1_000;

/// The most bytes of a literal; a longer one is its type.
const LITERAL_BYTES_MAX: usize = 1_000;

/// Words that no parameter may be called by.
const RESERVED: [&str; 45] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "while",
];

/// A comment for editors; nothing where there is nothing to say.
///
/// It cannot be ended from within, and has no characters that show another text than there is.
pub(super) fn comment(text: &str, indent: &str) -> String {
    let shown: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).take(COMMENT_CHARS_MAX).collect();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ").replace("*/", "*\\/");
    if shown.is_empty() { shown } else { format!("{indent}/** {shown} */\n") }
}

/// A name as it stands before the `:` of a property.
pub(super) fn property_name(name: &str) -> String {
    if is_identifier(name) { name.to_owned() } else { quoted(name) }
}

/// A value as a type of its own.
pub(super) fn literal(value: &Value) -> String {
    let text = match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    };
    match value {
        Value::String(_) if text.len() > LITERAL_BYTES_MAX => String::from("string"),
        Value::Number(number) if number.as_f64().is_none_or(|number| !number.is_finite()) => String::from("number"),
        Value::Array(_) | Value::Object(_) => String::from("any"),
        _ => text,
    }
}

/// A text literal. JSON's are TypeScript's too; what could show another text is written as an escape.
pub(super) fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.chars().map(|c| if is_plain(c) { c.to_string() } else { escaped(c) }).collect()
}

/// A name in capitals, of letters and digits alone; empty where there are none.
pub(super) fn pascal(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capitals = words.map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    let name: String = capitals.collect::<String>().chars().take(80).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("Of{name}") } else { name }
}

/// A name for a parameter, as near to `name` as an identifier can be.
pub(super) fn parameter_name(name: &str, index: usize) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let plain: String = name.chars().map(|c| if kept(c) { c } else { '_' }).take(80).collect();
    if plain.trim_matches('_').is_empty() || !is_identifier(&plain) || RESERVED.contains(&plain.as_str()) {
        return format!("value{}", index + 1);
    }
    plain
}

fn is_identifier(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$');
    name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Whether a character shows what it is: no control, no mark of direction, nothing of no width.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn escaped(c: char) -> String {
    let mut units = [0; 2];
    c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comment_cannot_be_ended_from_within() {
        assert_eq!(comment("a */ export const x = 1; /*", ""), "/** a *\\/ export const x = 1; /* */\n");
        assert_eq!(comment("a *\u{200b}/ b\r\n\u{202e}c", "  "), "  /** a * / b c */\n");
        assert_eq!(comment(" \n\u{2028} ", ""), "");
        assert!(comment(&"x".repeat(5_000), "").len() < 1_100);
    }

    #[test]
    fn a_text_literal_is_one_text() {
        assert_eq!(quoted("a\"; declare const x: 1; \""), r#""a\"; declare const x: 1; \"""#);
        assert_eq!(quoted("a\u{2028}\u{202e}b\n"), "\"a\\u2028\\u202eb\\n\"");
    }

    #[test]
    fn a_name_is_an_identifier_or_a_text() {
        assert_eq!(property_name("id"), "id");
        assert_eq!(property_name("content-type"), "\"content-type\"");
        assert_eq!(property_name("a: 1; b"), "\"a: 1; b\"");
        assert_eq!(property_name(""), "\"\"");
        assert_eq!(parameter_name("content-type", 0), "content_type");
        assert_eq!(parameter_name("class", 1), "value2");
        assert_eq!(parameter_name("1st", 0), "value1");
        assert_eq!(parameter_name("…", 2), "value3");
        assert_eq!(pascal("order-items.v2"), "OrderItemsV2");
        assert_eq!(pascal("2nd"), "Of2nd");
        assert_eq!(pascal("…"), "");
    }

    #[test]
    fn a_literal_is_a_value_that_typescript_has() {
        assert_eq!(literal(&json!("x")), "\"x\"");
        assert_eq!(literal(&json!(-1.5)), "-1.5");
        assert_eq!(literal(&json!(null)), "null");
        assert_eq!(literal(&json!({ "a": 1 })), "any");
        assert_eq!(literal(&json!("x".repeat(2_000))), "string");
    }
}
