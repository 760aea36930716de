//! What the configuration says of signing in.

use std::{path::Path, str::FromStr, time::Duration};

use app::{PlatformConfig, SignInConfig as AppSignIn, VerifyingKeys};
use domain::{BuiltInRole, TenantSlug};
use serde::Deserialize;
use toml::Value;

use super::section::Section;

/// How people sign in.
#[derive(Clone, Debug, confique::Config)]
pub struct SignInConfig {
    /// Minutes for which a session may go unused, from 5 to 1440.
    #[config(default = 30)]
    pub idle_minutes: u32,

    /// Hours for which a session lasts however much it is used, from 1 to 720.
    #[config(default = 12)]
    pub session_hours: u32,

    /// Platforms whose users sign in by tokens that the platform signs, each in a section [[sign_in.platform]] of its own
    /// with name, issuer, keys = "FILE" (a JWK set, or public keys in PEM), max_role and tenants. docs/sign-in.md has all
    /// keys.
    #[config(default = [])]
    pub platform: PlatformsConfig,
}

/// The platforms as they stand in the file, and what they come to once the files that they name are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct PlatformsConfig {
    sections: Vec<Value>,
    #[serde(skip)]
    declared: Vec<PlatformConfig>,
}

const KEYS: [&str; 5] = ["name", "issuer", "keys", "max_role", "tenants"];

impl SignInConfig {
    /// What the application needs to know of it, where `address` is the deployment's own.
    pub(super) fn app(&self, address: String) -> AppSignIn {
        AppSignIn {
            idle: Duration::from_secs(u64::from(self.idle_minutes) * 60),
            absolute: Duration::from_secs(u64::from(self.session_hours) * 60 * 60),
            address,
            platforms: self.platform.declared.clone(),
        }
    }
}

impl PlatformsConfig {
    /// Read the files that the sections name, relative to `directory`, and check everything.
    pub(super) fn declare(&mut self, directory: &Path, mistakes: &mut Vec<String>) {
        let mut declared: Vec<PlatformConfig> = Vec::new();
        for (at, section) in self.sections.iter().enumerate() {
            let key = format!("sign_in.platform.{at}");
            let Value::Table(table) = section else {
                mistakes.push(format!("'{key}' is a section: write [[sign_in.platform]]"));
                continue;
            };
            let platform = Section { key, table, directory, mistakes }.platform();
            let Some(platform) = platform else { continue };
            if declared.iter().any(|known| known.issuer == platform.issuer) {
                mistakes.push(format!("two platforms have the issuer '{}': give each its own", platform.issuer));
            }
            declared.push(platform);
        }
        self.declared = declared;
    }
}

impl Section<'_> {
    fn platform(&mut self) -> Option<PlatformConfig> {
        self.only(&KEYS);
        let name = self.required("name");
        let issuer = self.required("issuer");
        let keys = self.keys();
        let max_role = self.max_role();
        let tenants = self.tenants();
        Some(PlatformConfig { name: name?, issuer: issuer?, keys: keys?, max_role: max_role?, tenants: tenants? })
    }

    fn keys(&mut self) -> Option<VerifyingKeys> {
        let (path, text) = self.file("keys")?;
        match VerifyingKeys::parse(&text) {
            Ok(keys) => Some(keys),
            Err(reason) => {
                self.mistaken("keys", format!("names the file {}, and {reason}", path.display()));
                None
            }
        }
    }

    fn max_role(&mut self) -> Option<BuiltInRole> {
        let text = self.required("max_role")?;
        let role = BuiltInRole::from_str(&text).ok();
        if role.is_none() {
            let words: Vec<&str> = BuiltInRole::ALL.iter().map(|role| role.as_str()).collect();
            self.mistaken("max_role", format!("is '{text}': it is one of {}", words.join(", ")));
        }
        role
    }

    fn tenants(&mut self) -> Option<Option<Vec<TenantSlug>>> {
        let Some(value) = self.table.get("tenants") else { return Some(None) };
        let slugs = value.as_array().map(|slugs| {
            slugs.iter().map(|slug| slug.as_str().and_then(|text| TenantSlug::parse(text).ok())).collect()
        });
        let slugs: Option<Vec<TenantSlug>> = slugs.flatten();
        if slugs.is_none() {
            self.mistaken("tenants", format!("is {value}: it is a list of tenants' names in addresses"));
        }
        slugs.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::Config;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA2j/Tlr2PJs1kBB62xdaG7zJVtTQWBg0osHm8OhiO4wc=\n-----END PUBLIC KEY-----\n";

    fn read(text: &str) -> Result<Config, Vec<String>> {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("key.pem"), KEY).expect("a file");
        fs::write(directory.path().join("other.pem"), "no key").expect("a file");
        Config::parse_in(text, directory.path(), |_| ())
    }

    #[test]
    fn a_platform_is_read_with_its_keys() {
        let text = "[[sign_in.platform]]\nname = 'shop'\nissuer = 'https://shop.example'\nkeys = 'key.pem'\n\
                    max_role = 'editor'\ntenants = ['acme']\n";
        let sign_in = read(text).expect("it is right").app().sign_in;
        assert_eq!(sign_in.platforms.len(), 1);
        assert_eq!(sign_in.platforms[0].max_role.as_str(), "editor");
        assert_eq!(sign_in.address, "http://127.0.0.1:8080");
        assert_eq!(sign_in.idle.as_secs(), 1_800);
    }

    #[test]
    fn every_mistake_of_every_platform_is_named_at_once() {
        let text = "[sign_in]\nidle_minutes = 1\nsession_hours = 10000\n\
                    [[sign_in.platform]]\nname = 'a'\nissuer = ''\nkeys = 'other.pem'\nmax_role = 'root'\ncolour = 1\n\
                    [[sign_in.platform]]\nkeys = 'none.pem'\ntenants = ['NO NAME']\n";
        let expected = [
            "'sign_in.idle_minutes'",
            "'sign_in.session_hours'",
            "'sign_in.platform.0.issuer'",
            "'sign_in.platform.0.keys'",
            "'sign_in.platform.0.max_role'",
            "'sign_in.platform.0.colour'",
            "'sign_in.platform.1.name'",
            "'sign_in.platform.1.issuer'",
            "'sign_in.platform.1.keys'",
            "'sign_in.platform.1.max_role'",
            "'sign_in.platform.1.tenants'",
        ];
        let found = read(text).expect_err("it has mistakes");
        for key in expected {
            assert!(found.iter().any(|mistake| mistake.contains(key)), "{key} in {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }
}
