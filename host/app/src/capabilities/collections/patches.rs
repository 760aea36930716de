//! Merge patches (RFC 7396) on JSON texts: members keep the order in which their author wrote them.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in their order; of a name that comes twice the last value, at the first place.
struct Members<'a>(Vec<(String, &'a RawValue)>);

/// What comes of `document` when `patch` is applied to it. Both are guest-controlled JSON objects whose size and depth
/// are bounded; the work is linear in their size for each of their levels.
pub(super) fn merge(document: &str, patch: &str) -> serde_json::Result<String> {
    let Members(members) = serde_json::from_str(document)?;
    let Members(changes) = serde_json::from_str(patch)?;
    let places: HashMap<&str, usize> = members.iter().enumerate().map(|(at, (name, _))| (name.as_str(), at)).collect();
    // A member that is removed leaves a gap, so that the places of the others stay.
    let mut merged: Vec<(&str, Option<Cow<'_, str>>)> =
        members.iter().map(|(name, value)| (name.as_str(), Some(Cow::Borrowed(value.get())))).collect();
    for (name, change) in &changes {
        let at = places.get(name.as_str()).copied();
        let value = match change.get() {
            "null" => None,
            change if change.starts_with('{') => {
                let below = at.map_or("{}", |at| members[at].1.get());
                Some(Cow::Owned(merge(if below.starts_with('{') { below } else { "{}" }, change)?))
            }
            change => Some(Cow::Borrowed(change)),
        };
        match at {
            Some(at) => merged[at].1 = value,
            None => merged.push((name, value)),
        }
    }
    written(&merged)
}

fn written(members: &[(&str, Option<Cow<'_, str>>)]) -> serde_json::Result<String> {
    let mut text = String::from("{");
    for (name, value) in members {
        let Some(value) = value else { continue };
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
                let mut members: Self::Value = Vec::new();
                let mut places: HashMap<String, usize> = HashMap::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    match places.get(&name) {
                        Some(&at) => members[at].1 = value,
                        None => {
                            places.insert(name.clone(), members.len());
                            members.push((name, value));
                        }
                    }
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
    fn of_a_name_that_comes_twice_the_last_value_counts() {
        for (document, patch, merged) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"c":4}"#, r#"{"a":3,"b":2,"c":4}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":4}"#, r#"{"a":4,"b":2}"#),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":null}"#, r#"{"b":2}"#),
            (r#"{"b":2}"#, r#"{"a":null,"a":1}"#, r#"{"b":2,"a":1}"#),
            (r#"{"a":{"x":1}}"#, r#"{"a":{"y":2},"a":{"z":3}}"#, r#"{"a":{"x":1,"z":3}}"#),
        ] {
            assert_eq!(merge(document, patch).unwrap(), merged, "{document} {patch}");
        }
    }

    #[test]
    fn as_many_changes_as_fit_are_merged_in_their_order() {
        let object = |value: &str| {
            let members: Vec<String> = (0..100_000).map(|n| format!("\"n{n}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(merge(&object("1"), &object("2")).unwrap(), object("2"));
        assert_eq!(merge("{}", &object("2")).unwrap(), object("2"));
        assert_eq!(merge(&object("1"), &object("null")).unwrap(), "{}");
        assert_eq!(merge("{}", &object("null")).unwrap(), "{}");
    }

    #[test]
    fn members_keep_their_order_and_odd_names_are_names() {
        let merged = merge(r#"{"z":1,"a":{"y":1,"b":2},"m":3}"#, r#"{"m":4,"a":{"b":5},"__proto__":{"x":1},"\"":1}"#);
        assert_eq!(merged.unwrap(), r#"{"z":1,"a":{"y":1,"b":5},"m":4,"__proto__":{"x":1},"\"":1}"#);
    }
}
