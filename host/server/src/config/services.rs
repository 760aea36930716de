//! `[services.NAME]`: what the operator connects under `services.NAME`, and the files that say what each offers.
//!
//! Not read field by field like the other sections, because their names are the operator's. Each section is looked at
//! whole, so that every mistake in every one of them is named at once.

use std::{collections::BTreeMap, path::Path, time::Duration};

use app::{BreakerSettings, NAME_RULE, OpenApiConfig, OpenApiDocument, ServiceBase, is_service_name};
use serde::Deserialize;
use toml::Value;

use super::section::Section;

/// The sections as they stand in the file, and what they come to once the files that they name are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ServicesConfig {
    sections: BTreeMap<String, Value>,
    #[serde(skip)]
    pub(super) connected: ConnectedServices,
}

/// What the sections come to.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectedServices {
    /// The JSON Schema of each collection.
    pub(super) collections: BTreeMap<String, String>,
    /// Each HTTP service.
    pub(super) openapi: BTreeMap<String, OpenApiConfig>,
}

const KINDS: &str = "\"collection\" or \"openapi\"";
const COLLECTION_KEYS: [&str; 2] = ["kind", "schema"];
const OPENAPI_KEYS: [&str; 11] = [
    "kind",
    "base_url",
    "document",
    "document_sha256",
    "audience",
    "operations",
    "timeout_ms",
    "retries",
    "breaker",
    "private",
    "record_metadata",
];
const BREAKER_KEYS: [&str; 2] = ["failures", "pause_ms"];
const PRIVATE_KEYS: [&str; 2] = ["addresses", "port"];

/// The longest that one request takes, which is the egress policy's.
const TIMEOUT_MS_MAX: u64 = 30_000;
const TIMEOUT_MS_DEFAULT: u64 = 10_000;
const RETRIES_MAX: u64 = 5;
const RETRIES_DEFAULT: u64 = 2;
const FAILURES_MAX: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60 * 60 * 1000;

impl ServicesConfig {
    /// Read the files that the sections name, relative to `directory`, and check everything.
    pub(super) fn connect(&mut self, directory: &Path, mistakes: &mut Vec<String>) {
        let mut connected = ConnectedServices::default();
        for (name, section) in &self.sections {
            let key = format!("services.{name}");
            if !is_service_name(name) {
                mistakes.push(format!("'{key}' is no name for a service: {NAME_RULE}"));
            }
            let Value::Table(table) = section else {
                mistakes.push(format!("'{key}' is a section: write [{key}]"));
                continue;
            };
            let mut section = Section { key, table, directory, mistakes };
            match table.get("kind").and_then(Value::as_str) {
                Some("collection") => {
                    connected.collections.extend(section.collection().map(|schema| (name.clone(), schema)));
                }
                Some("openapi") => {
                    connected.openapi.extend(section.openapi(name).map(|openapi| (name.clone(), openapi)));
                }
                Some(other) => section.mistaken("kind", format!("is \"{other}\": write {KINDS}")),
                None => section.mistaken("kind", format!("is missing: write {KINDS}")),
            }
        }
        self.connected = connected;
    }
}

impl Section<'_> {
    fn collection(&mut self) -> Option<String> {
        self.only(&COLLECTION_KEYS);
        self.file("schema").map(|(_, schema)| schema)
    }

    fn openapi(&mut self, name: &str) -> Option<OpenApiConfig> {
        self.only(&OPENAPI_KEYS);
        let base = self.base();
        let private = self.private(base.as_ref());
        let document = self.document();
        let audience = self.audience(name);
        let timeout_ms = self.number("timeout_ms", TIMEOUT_MS_DEFAULT, 1, TIMEOUT_MS_MAX);
        let retries = self.number("retries", RETRIES_DEFAULT, 0, RETRIES_MAX);
        let breaker = self.breaker();
        let metadata_only = self.names("record_metadata");
        if let (Some(Some(names)), Some(document)) = (&metadata_only, &document)
            && let Some(unknown) = names.iter().find(|name| !document.has_method(name))
        {
            self.mistaken("record_metadata", format!("names '{unknown}', which is no method of the document"));
        }
        Some(OpenApiConfig {
            base: base?,
            document: document?,
            audience: audience?,
            timeout: Duration::from_millis(timeout_ms?),
            retries: u32::try_from(retries?).ok()?,
            breaker: breaker?,
            private: private?,
            metadata_only: metadata_only?.unwrap_or_default(),
        })
    }

    fn base(&mut self) -> Option<ServiceBase> {
        let text = self.required("base_url")?;
        match ServiceBase::parse(&text) {
            Ok(base) if base.is_plain_http() && !self.table.contains_key("private") => {
                let advice = "is not encrypted, and calls carry a token: write https://, or open the private address that \
                              it is at with 'private'";
                self.mistaken("base_url", String::from(advice));
                None
            }
            Ok(base) => Some(base),
            Err(mistake) => {
                self.mistaken("base_url", format!("is no address for a service: {mistake}"));
                None
            }
        }
    }

    /// The document, if it is the one that the operator pinned.
    fn document(&mut self) -> Option<OpenApiDocument> {
        let only = self.names("operations");
        let file = self.file("document");
        let pin = self.required("document_sha256");
        let (path, text) = file?;
        let found = OpenApiDocument::sha256(text.as_bytes());
        let pin = pin?;
        if pin != found {
            let advice = format!(
                "is not that of {}: read what has changed in it, then write document_sha256 = \"{found}\"",
                path.display()
            );
            self.mistaken("document_sha256", advice);
            return None;
        }
        match OpenApiDocument::read(&text, only?.as_deref()) {
            Ok(document) => Some(document),
            Err(found) => {
                for mistake in found {
                    self.mistaken("document", format!("{}: {mistake}", path.display()));
                }
                None
            }
        }
    }

    /// The methods that `key` names, where it is there; `None` for a mistake.
    fn names(&mut self, key: &str) -> Option<Option<Vec<String>>> {
        let Some(value) = self.table.get(key) else { return Some(None) };
        let names =
            value.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        if names.is_none() {
            self.mistaken(key, String::from("is a list of methods' names, as [\"getInvoice\"]"));
        }
        names.map(Some)
    }

    fn audience(&mut self, name: &str) -> Option<String> {
        match self.table.get("audience") {
            None => Some(name.to_owned()),
            Some(Value::String(audience)) if !audience.is_empty() => Some(audience.clone()),
            Some(_) => {
                self.mistaken("audience", String::from("is a text, and not empty: the claim 'aud' of the tokens"));
                None
            }
        }
    }

    fn breaker(&mut self) -> Option<BreakerSettings> {
        let default = BreakerSettings::default();
        let Some(mut section) = self.inner("breaker", &BREAKER_KEYS)? else { return Some(default) };
        let failures = section.number("failures", default.failures.into(), 1, FAILURES_MAX);
        let pause_ms = u64::try_from(default.pause.as_millis()).unwrap_or(PAUSE_MS_MAX);
        let pause_ms = section.number("pause_ms", pause_ms, 1, PAUSE_MS_MAX);
        Some(BreakerSettings { failures: u32::try_from(failures?).ok()?, pause: Duration::from_millis(pause_ms?) })
    }

    /// The private addresses that are opened for this service; `None` for a mistake.
    fn private(&mut self, base: Option<&ServiceBase>) -> Option<Option<ipnet::IpNet>> {
        let Some(mut section) = self.inner("private", &PRIVATE_KEYS)? else { return Some(None) };
        let addresses = section.required("addresses").and_then(|text| {
            let range = text
                .parse()
                .ok()
                .or_else(|| text.parse().ok().map(|address: std::net::IpAddr| ipnet::IpNet::from(address)));
            if range.is_none() {
                section.mistaken("addresses", format!("is '{text}': write a range of addresses, as \"10.0.0.0/8\""));
            }
            range
        });
        let port = section.table.get("port").is_some().then(|| section.number("port", 0, 1, u16::MAX.into()));
        match (port, base) {
            (None, _) => section.mistaken("port", String::from("is missing: write the port of 'base_url'")),
            (Some(Some(port)), Some(base)) if port != u64::from(base.port()) => {
                section.mistaken("port", format!("is {port}, and the port of 'base_url' is {}", base.port()));
            }
            (Some(port), _) => return Some(Some(port.and(addresses)?)),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::Config;

    const DOCUMENT: &str = r#"{"openapi":"3.1.0","paths":{"/a":{"get":{"responses":{"204":{}}}}}}"#;

    /// A folder with a document and a schema.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().expect("a directory");
        fs::write(folder.path().join("a.json"), DOCUMENT).expect("a file");
        fs::write(folder.path().join("s.json"), "{}").expect("a file");
        folder
    }

    fn pin() -> String {
        OpenApiDocument::sha256(DOCUMENT.as_bytes())
    }

    fn read(text: &str) -> Result<Config, Vec<String>> {
        Config::parse_in(text, folder().path(), |_| ())
    }

    #[test]
    fn services_are_connected_as_their_sections_say() {
        let text = format!(
            "[services.products]\nkind = 'collection'\nschema = 's.json'\n[services.billing]\nkind = 'openapi'\n\
             base_url = 'http://10.0.0.1:81/v1'\ndocument = 'a.json'\ndocument_sha256 = '{}'\ntimeout_ms = 5\n\
             retries = 0\naudience = 'b'\nbreaker = {{ failures = 2 }}\n\
             private = {{ addresses = '10.0.0.0/8', port = 81 }}\n[service_tokens]\ngeneration = 3\n",
            pin()
        );
        let config = read(&text).expect("it holds").app();
        assert_eq!(config.collections, BTreeMap::from([(String::from("products"), String::from("{}"))]));
        let billing = &config.openapi["billing"];
        assert_eq!(billing.timeout, Duration::from_millis(5));
        assert_eq!((billing.retries, billing.audience.as_str(), billing.breaker.failures), (0, "b", 2));
        assert_eq!(billing.breaker.pause, BreakerSettings::default().pause);
        assert_eq!(billing.private.map(|range| range.to_string()).as_deref(), Some("10.0.0.0/8"));
        assert_eq!((config.service_tokens.issuer.as_str(), config.service_tokens.generation), ("skerry", 3));
    }

    #[test]
    fn a_document_that_was_changed_is_refused_with_the_digest_that_was_found() {
        let text = "[services.a]\nkind = 'openapi'\nbase_url = 'https://a.example'\ndocument = 'a.json'\n";
        let found = read(&format!("{text}document_sha256 = '00'\n")).expect_err("it is another");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("'services.a.document_sha256'") && found[0].contains(&pin()), "{found:?}");
        read(&format!("{text}document_sha256 = '{}'\n", pin())).expect("it is the one");
    }

    #[test]
    fn every_mistake_of_every_service_is_named_at_once() {
        let text = "[services.a]\nkind = 'soap'\n[services.b]\n[services.then]\nkind = 'collection'\nschema = 'none'\n\
                    [services.c]\nkind = 'openapi'\nbase_url = 'http://c.example'\ncolour = 1\nretries = 99\n\
                    timeout_ms = 'long'\ndocument = 'a.json'\noperations = 'all'\naudience = ''\n\
                    breaker = { failures = 0, up = 1 }\n\
                    [services.d]\nkind = 'openapi'\nbase_url = 'https://u@d.example/?a'\ndocument = 'a.json'\n\
                    document_sha256 = 1\nprivate = { addresses = 'here' }\n[limits]\nmemory_mb = 1\n";
        let expected = [
            "'services.a.kind'",
            "'services.b.kind'",
            "'services.then'",
            "'services.then.schema'",
            "'services.c.base_url'",
            "'services.c.colour'",
            "'services.c.retries'",
            "'services.c.timeout_ms'",
            "'services.c.document_sha256'",
            "'services.c.operations'",
            "'services.c.audience'",
            "'services.c.breaker.failures'",
            "'services.c.breaker.up'",
            "'services.d.base_url'",
            "'services.d.document_sha256'",
            "'services.d.private.addresses'",
            "'services.d.private.port'",
            "'limits.memory_mb'",
        ];
        let found = read(text).expect_err("it has mistakes");
        for key in expected {
            assert!(found.iter().any(|mistake| mistake.contains(key)), "{key} in {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }

    #[test]
    fn a_private_range_is_for_the_port_of_its_base_url() {
        let text = format!(
            "[services.a]\nkind = 'openapi'\nbase_url = 'https://a.example'\ndocument = 'a.json'\n\
             document_sha256 = '{}'\nprivate = {{ addresses = '10.0.0.0/8', port = 80 }}\n",
            pin()
        );
        let found = read(&text).expect_err("443 is the port");
        assert!(found.len() == 1 && found[0].contains("443"), "{found:?}");
    }
}
