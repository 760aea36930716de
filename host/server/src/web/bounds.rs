//! Bounds of what bodies say, for the API's description. What is within them may still be refused for what it means; what is
//! beyond them always is. The domain judges: the tests hold these against it.

use utoipa::openapi::{Components, RefOr, Schema, schema::Object};

/// What a field may be.
#[derive(Clone, Copy, Debug)]
enum Bound {
    /// A text of so many characters, and of this form.
    Text(usize, usize, &'static str),
    /// A number from here to there.
    Number(u64, u64),
    /// A list of so many.
    List(usize, usize),
}

use Bound::{List, Number, Text};

/// Anything.
const ANY: &str = "";
/// `domain::ScriptName`: no two dots in a row.
const SCRIPT_NAME: Bound = Text(1, 100, r"^[a-z0-9](\.?[a-z0-9_-])*\.?$");
/// `domain::RoleName`, which plans have too.
const ROLE_NAME: Bound = Text(1, 50, "^[a-z][a-z0-9-]*$");
/// `domain::TenantSlug`.
const SLUG: Bound = Text(1, 63, "^[a-z0-9][a-z0-9-]*$");
/// `domain::EventType`.
const EVENT_TYPE: Bound = Text(1, 200, r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$");
/// `domain::DisplayName`: nothing that is not seen, and no white space around it.
const DISPLAY_NAME: Bound = Text(
    1,
    255,
    concat!(
        r"^(?![\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])",
        r"[^\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e",
        r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff]+",
        r"(?<![\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])$"
    ),
);
/// No control characters but line ends and tabs.
const DESCRIPTION: Bound = Text(0, 2_000, r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$");
/// The same, shorter.
const SUMMARY: Bound = Text(0, 500, r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$");
/// No control characters but line ends.
const PURPOSE: Bound = Text(0, 500, r"^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f]*$");
/// `domain::EmailAddress`, which also bounds the part before the `@`.
const EMAIL: Bound = Text(
    3,
    254,
    concat!(
        r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*",
        r"@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
    ),
);
/// A quota that can be counted.
const QUOTA: Bound = Number(1, 1 << 53);
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Attempts of a delivery or an execution.
const ATTEMPTS: Bound = Number(1, 20);

/// The bounds, by schema and field.
const BOUNDS: &[(&str, &[(&str, Bound)])] = &[
    ("NewScript", &[("name", SCRIPT_NAME), ("description", DESCRIPTION)]),
    ("SettingsPatch", &[("description", DESCRIPTION)]),
    ("Deployment", &[("change_summary", SUMMARY)]),
    (
        "Limits",
        &[
            ("fuel", Number(1_000_000, i64::MAX as u64)),
            ("wall_time_ms", Number(10, i64::MAX as u64)),
            ("memory_bytes", Number(4 << 20, 512 << 20)),
            ("result_bytes", Number(4, i64::MAX as u64)),
        ],
    ),
    (
        "RunPolicy",
        &[
            ("max_attempts", ATTEMPTS),
            ("backoff_ms", Number(100, DAY_MS)),
            ("backoff_max_ms", Number(100, DAY_MS)),
            ("breaker_failures", Number(0, 1_000)),
        ],
    ),
    ("Concurrency", &[("max", Number(1, 1_000))]),
    (
        "PlanQuotasBody",
        &[
            ("concurrent_executions", Number(1, u32::MAX as u64)),
            ("queued_executions", QUOTA),
            ("executions_per_minute", QUOTA),
            ("fuel_per_day", QUOTA),
            ("storage_bytes", QUOTA),
            ("scripts", QUOTA),
            ("schedules", QUOTA),
        ],
    ),
    ("NewEvent", &[("type", EVENT_TYPE), ("subject", Text(1, 200, ANY)), ("id", Text(1, 200, ANY))]),
    ("NewSubscription", &[("types", List(1, 20)), ("max_attempts", ATTEMPTS)]),
    ("SubscriptionPatch", &[("types", List(1, 20)), ("max_attempts", ATTEMPTS)]),
    ("NewPlan", &[("name", ROLE_NAME), ("description", PURPOSE)]),
    ("PlanChange", &[("description", PURPOSE)]),
    ("NewRole", &[("name", ROLE_NAME), ("description", PURPOSE)]),
    ("RoleChange", &[("description", PURPOSE)]),
    ("NewTenant", &[("slug", SLUG), ("name", DISPLAY_NAME), ("admin_email", EMAIL)]),
    ("TenantAccountChange", &[("name", DISPLAY_NAME)]),
    ("Suspension", &[("reason", DISPLAY_NAME)]),
    ("NewUser", &[("email", EMAIL), ("name", DISPLAY_NAME)]),
    ("UserChange", &[("email", EMAIL), ("name", DISPLAY_NAME)]),
    ("AdminInvitation", &[("email", EMAIL)]),
    ("NewInvitation", &[("email", EMAIL), ("role", ROLE_NAME)]),
    ("MemberChange", &[("role", ROLE_NAME)]),
    ("InvitationSignIn", &[("name", DISPLAY_NAME)]),
    ("TenantChoice", &[("tenant", SLUG)]),
    ("OpenIdBeginning", &[("tenant", SLUG)]),
    ("PasswordSignIn", &[("tenant", SLUG)]),
    ("NewOperatorToken", &[("name", DISPLAY_NAME)]),
    ("NewToken", &[("name", DISPLAY_NAME)]),
    ("TokenChange", &[("name", DISPLAY_NAME)]),
    ("ProviderBody", &[("name", DISPLAY_NAME), ("default_role", ROLE_NAME)]),
];

/// Say of each field that has bounds which they are.
pub(crate) fn describe(components: &mut Components) {
    for (schema, fields) in BOUNDS {
        let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(*schema) else { continue };
        for (field, bound) in *fields {
            bound.put_on(object, field);
        }
    }
}

impl Bound {
    fn put_on(self, object: &mut Object, field: &str) {
        match (self, object.properties.get_mut(field)) {
            (Text(least, most, pattern), Some(RefOr::T(Schema::Object(text)))) => {
                text.min_length = (least > 0).then_some(least);
                text.max_length = Some(most);
                text.pattern = (pattern != ANY).then(|| pattern.to_owned());
            }
            (Number(least, most), Some(RefOr::T(Schema::Object(number)))) => {
                number.minimum = i64::try_from(least).ok().map(Into::into);
                number.maximum = i64::try_from(most).ok().map(Into::into);
            }
            (List(least, most), Some(RefOr::T(Schema::Array(list)))) => {
                list.min_items = Some(least);
                list.max_items = Some(most);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_bound_is_of_a_field_that_there_is_and_stands_in_the_description() {
        let document: Value = serde_json::from_str(&crate::openapi().expect("a document")).expect("JSON");
        for (schema, fields) in BOUNDS {
            for (field, bound) in *fields {
                let described = &document["components"]["schemas"][schema]["properties"][field];
                let (key, most) = match bound {
                    Text(_, most, _) => ("maxLength", *most as u64),
                    Number(_, most) => ("maximum", *most),
                    List(_, most) => ("maxItems", *most as u64),
                };
                assert_eq!(described[key].as_u64(), Some(most), "{schema}.{field}: {described}");
            }
        }
    }
}
