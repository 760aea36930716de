//! Merge patches (RFC 7396) on JSON texts: members keep the order in which their author wrote them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in their order; of a name that comes twice the last.
struct Members<'a>(Vec<(String, &'a RawValue)>);

/// What comes of `document` when `patch` is applied to it. Both are JSON objects whose depth is bounded.
pub(super) fn merge(document: &str, patch: &str) -> serde_json::Result<String> {
    let Members(mut members) = serde_json::from_str(document)?;
    let Members(changes) = serde_json::from_str(patch)?;
    let mut merged: Vec<(String, String)> =
        members.drain(..).map(|(name, value)| (name, value.get().to_owned())).collect();
    for (name, change) in changes {
        let at = merged.iter().position(|(other, _)| *other == name);
        let change = change.get();
        if change == "null" {
            merged.retain(|(other, _)| *other != name);
            continue;
        }
        let value = if change.starts_with('{') {
            let below = at.map_or("{}", |at| merged[at].1.as_str());
            merge(if below.starts_with('{') { below } else { "{}" }, change)?
        } else {
            change.to_owned()
        };
        match at {
            Some(at) => merged[at].1 = value,
            None => merged.push((name, value)),
        }
    }
    written(&merged)
}

fn written(members: &[(String, String)]) -> serde_json::Result<String> {
    let mut text = String::from("{");
    for (name, value) in members {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(name)?);
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    Ok(text)
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::merge;

    #[test]
    fn the_examples_of_the_rfc_come_out_as_it_says() {
        for (document, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merge(document, patch).unwrap(), merged, "{document} {patch}");
        }
    }

    #[test]
    fn members_keep_their_order_and_odd_names_are_names() {
        let merged = merge(r#"{"z":1,"a":{"y":1,"b":2},"m":3}"#, r#"{"m":4,"a":{"b":5},"__proto__":{"x":1},"\"":1}"#);
        assert_eq!(merged.unwrap(), r#"{"z":1,"a":{"y":1,"b":5},"m":4,"__proto__":{"x":1},"\"":1}"#);
    }
}
