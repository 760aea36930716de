//! Which rights a change of a script asks for: nobody passes on what he does not hold (RULES 13, 18).

use database::EndpointAuthentication;
use domain::{Capabilities, Permission, Permissions};

use super::{NewScriptInput, SettingsInput};
use crate::EndpointInput;

/// What making a script asks for beyond `scripts.write`. A script that says nothing of its capabilities is given
/// nothing: what it then reaches, storage and events, is bounded by the rights of those it acts for. An endpoint binds it
/// to whoever makes it, with whatever it may reach.
pub(super) fn of_new(input: &NewScriptInput) -> Permissions {
    let says_something = input.capabilities != Capabilities::default() || input.endpoint.is_some();
    of_bindings(says_something.then_some(&input.capabilities), input.endpoint.as_ref())
}

/// What changing these settings asks for.
pub(super) fn of_settings(input: &SettingsInput) -> Permissions {
    let mut needed: Vec<Permission> =
        of_bindings(input.capabilities.as_ref(), input.endpoint.as_ref()).iter().collect();
    if input.record.is_some() || input.is_active.is_some() {
        needed.push(Permission::ScriptsDeploy);
    }
    if input.description.is_some() || input.limits.is_some() || input.policy.is_some() || needed.is_empty() {
        needed.push(Permission::ScriptsWrite);
    }
    needed.into_iter().collect()
}

fn of_bindings(capabilities: Option<&Capabilities>, endpoint: Option<&EndpointInput>) -> Permissions {
    let mut needed = Vec::new();
    if capabilities.is_some() || endpoint.is_some() {
        needed.push(Permission::ScriptsDeploy);
    }
    if let Some(capabilities) = capabilities {
        needed.extend(granted(capabilities).iter());
    }
    // Whoever names what callers show lets them call.
    if endpoint.is_some_and(|endpoint| endpoint.authentication != EndpointAuthentication::Public) {
        needed.push(Permission::EndpointsCall);
    }
    needed.into_iter().collect()
}

/// The rights without which these capabilities are empty words.
pub(crate) fn granted(capabilities: &Capabilities) -> Permissions {
    let Capabilities { storage_prefixes, event_types, services, hosts, secrets } = capabilities;
    let reaches = |narrowed: &Option<Vec<String>>| narrowed.as_ref().is_none_or(|entries| !entries.is_empty());
    let granted = [
        (reaches(storage_prefixes), Permission::StorageRead),
        (reaches(storage_prefixes), Permission::StorageWrite),
        (reaches(event_types), Permission::EventsPublish),
        (!services.is_empty(), Permission::ServicesCall),
        (!hosts.is_empty(), Permission::EgressUse),
        (!secrets.is_empty(), Permission::SecretsUse),
    ];
    granted.into_iter().filter(|(is_granted, _)| *is_granted).map(|(_, permission)| permission).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(permissions: Permissions) -> String {
        permissions.to_list()
    }

    #[test]
    fn capabilities_ask_for_the_rights_that_they_grant() {
        let nothing =
            Capabilities { storage_prefixes: Some(vec![]), event_types: Some(vec![]), ..Capabilities::default() };
        let one = |name: &str| vec![name.to_owned()];
        let cases = [
            (nothing.clone(), "scripts.deploy"),
            (Capabilities::default(), "scripts.deploy,storage.read,storage.write,events.publish"),
            (
                Capabilities { storage_prefixes: Some(one("orders/")), ..nothing.clone() },
                "scripts.deploy,storage.read,storage.write",
            ),
            (Capabilities { event_types: Some(one("order.*")), ..nothing.clone() }, "scripts.deploy,events.publish"),
            (Capabilities { services: one("products.get"), ..nothing.clone() }, "scripts.deploy,services.call"),
            (Capabilities { hosts: one("api.example.com"), ..nothing.clone() }, "scripts.deploy,egress.use"),
            (Capabilities { secrets: one("key"), ..nothing }, "scripts.deploy,secrets.use"),
        ];
        for (capabilities, expected) in cases {
            let input = SettingsInput { capabilities: Some(capabilities), ..SettingsInput::default() };
            assert_eq!(words(of_settings(&input)), expected);
        }
    }

    #[test]
    fn an_endpoint_of_a_new_script_asks_for_what_the_script_may_reach() {
        let route = domain::EndpointRoute::parse("GET", "/a").expect("a route");
        let mut input = NewScriptInput {
            name: domain::ScriptName::parse("a").expect("a name"),
            description: String::new(),
            kind: domain::ScriptKind::Endpoint,
            language: domain::Language::JavaScript,
            source: String::new(),
            capabilities: Capabilities::default(),
            limits: None,
            record: domain::RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        assert_eq!(words(of_new(&input)), "");
        input.endpoint = Some(EndpointInput::new(route, EndpointAuthentication::Token));
        let expected = "scripts.deploy,storage.read,storage.write,events.publish,endpoints.call";
        assert_eq!(words(of_new(&input)), expected);
    }

    #[test]
    fn words_are_the_authors_and_what_takes_effect_at_once_is_the_deployers() {
        let cases = [
            (SettingsInput::default(), "scripts.write"),
            (SettingsInput { description: Some(String::new()), ..SettingsInput::default() }, "scripts.write"),
            (SettingsInput { limits: Some(None), ..SettingsInput::default() }, "scripts.write"),
            (SettingsInput { is_active: Some(false), ..SettingsInput::default() }, "scripts.deploy"),
            (SettingsInput { record: Some(domain::RecordMode::Off), ..SettingsInput::default() }, "scripts.deploy"),
        ];
        for (input, expected) in cases {
            assert_eq!(words(of_settings(&input)), expected, "{input:?}");
        }
    }
}
