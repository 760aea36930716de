//! What services and their methods may be called, so that `services.<name>.<method>(…)` reads as it looks.

/// The most bytes of a name.
const BYTES_MAX: usize = 64;

/// Names that the language asks any object for, or finds on each: as a member of `services` they would not be what
/// they look like.
const TAKEN: [&str; 14] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "then",
    "toJSON",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// The rule, for messages.
pub const NAME_RULE: &str = "a letter from a to z, then at most 63 letters, digits and '_', and no name that every \
                             object has ('then', 'constructor', 'toString', …)";

/// Whether a service or a method can have this name.
pub fn is_service_name(name: &str) -> bool {
    name.len() <= BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !TAKEN.contains(&name)
}

/// `text` as a name in JavaScript: its words joined, each but the first with a capital. What has no letter or digit
/// stands between words.
pub(crate) fn camel_case(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        name.push_str(&if name.is_empty() { first.to_ascii_lowercase() } else { first.to_ascii_uppercase() });
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_something_else_are_refused() {
        for name in ["products", "a", "billing_2", "getInvoice"] {
            assert!(is_service_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in
            ["", "A", "1a", "_a", "a-b", "a.b", "a b", "ä", "then", "constructor", "__proto__", "toString", &long]
        {
            assert!(!is_service_name(name), "{name}");
        }
    }

    #[test]
    fn an_operation_is_called_as_a_method_would_be() {
        let cases = [
            ("getInvoice", "getInvoice"),
            ("GetInvoice", "getInvoice"),
            ("get_invoice_by-id", "getInvoiceById"),
            ("invoices.list", "invoicesList"),
            ("get /invoices/{id}", "getInvoicesId"),
            ("--", ""),
        ];
        for (text, name) in cases {
            assert_eq!(camel_case(text), name, "{text}");
        }
    }
}
