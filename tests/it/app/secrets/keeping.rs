//! Keeping secrets: who may, what a record has to be, and what the data directory shows (RULES 21, 22).

use std::fs;

use app::{AppError, ScriptRef, SecretInput, SecretPatch, SecretValue};
use domain::{Permission, Permissions, Principal, TenantId};
use serde_json::Value;

use super::stage::{HOME, VALUE, Vault, name};
use crate::app::stage::kind;

async fn vault() -> Vault {
    let vault = Vault::with_echo().await;
    let source = "export default async () => {
        const key = await secrets.get('KEY');
        return [await key.hmac('sha256', 'data'), (await http.get('https://api.example.com/', { headers: { authorization: key } })).status];
    }";
    vault.deploy("use", source).await;
    vault.keep("KEY", VALUE, &["header authorization", "hmac sha256"], "use").await;
    vault
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_origins_of_a_secret_demands_its_value_again() {
    let vault = vault().await;
    let (secrets, principal) = (vault.app.secrets(), &vault.principal);
    let elsewhere = || Some(vec![String::from("https://other.example")]);
    for origins in [elsewhere(), Some(Vec::new()), Some(vec![HOME.to_owned(), String::from("https://other.example")])] {
        let patch = SecretPatch { origins, ..SecretPatch::default() };
        let refused = secrets.change(principal, &name("KEY"), None, patch).await;
        assert!(matches!(refused, Err(AppError::ValueRequired)), "{refused:?}");
    }
    let same = SecretPatch { origins: Some(vec![format!("{HOME}:443/")]), ..SecretPatch::default() };
    secrets.change(principal, &name("KEY"), None, same).await.unwrap();
    let placements = Some(vec!["hmac sha256".parse().unwrap(), "header x-key".parse().unwrap()]);
    let patch = SecretPatch { placements, scripts: Some(Vec::new()), ..SecretPatch::default() };
    let changed = secrets.change(principal, &name("KEY"), None, patch).await.unwrap();
    assert_eq!((changed.record.value_version, changed.record.origins.as_slice()), (1, &[HOME.to_owned()][..]));
    let value = Some(SecretValue::new(b"another value".to_vec()));
    let patch = SecretPatch {
        value,
        origins: elsewhere(),
        placements: Some(vec!["body x".parse().unwrap()]),
        ..SecretPatch::default()
    };
    let changed = secrets.change(principal, &name("KEY"), None, patch).await.unwrap();
    assert_eq!(changed.record.value_version, 2);
    assert_eq!(changed.record.origins, ["https://other.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let vault = vault().await;
    let (secrets, principal) = (vault.app.secrets(), &vault.principal);
    let seen = secrets.get(principal, &name("KEY")).unwrap().record.revision;
    secrets.change(principal, &name("KEY"), Some(seen), SecretPatch::default()).await.unwrap();
    let stale = secrets.change(principal, &name("KEY"), Some(seen), SecretPatch::default()).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })), "{stale:?}");
    let stale = secrets.delete(principal, &name("KEY"), Some(seen)).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })), "{stale:?}");
    secrets.delete(principal, &name("KEY"), None).await.unwrap();
    for gone in [secrets.delete(principal, &name("KEY"), None).await, secrets.get(principal, &name("KEY")).map(drop)] {
        assert!(matches!(gone, Err(AppError::NotFound { what: "secret" })), "{gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_and_seeing_secrets_are_rights_of_their_own_and_of_one_tenant() {
    let vault = vault().await;
    let secrets = vault.app.secrets();
    let with = |permissions: &[Permission]| Principal {
        permissions: permissions.iter().copied().collect::<Permissions>(),
        ..vault.principal.clone()
    };
    let all_but = |left_out: Permission| {
        with(&Permissions::all().iter().filter(|permission| *permission != left_out).collect::<Vec<Permission>>())
    };
    let reader = all_but(Permission::SecretsWrite);
    assert_eq!(secrets.list(&reader, None, 10).unwrap().len(), 1);
    let refused = secrets.change(&reader, &name("KEY"), None, SecretPatch::default()).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))), "{refused:?}");
    assert!(matches!(secrets.delete(&reader, &name("KEY"), None).await, Err(AppError::Forbidden(_))));
    let blind = all_but(Permission::SecretsRead);
    assert!(matches!(secrets.list(&blind, None, 10), Err(AppError::Forbidden(_))));
    assert!(matches!(secrets.get(&blind, &name("KEY")), Err(AppError::Forbidden(_))));
    let stranger = Principal { tenant: TenantId::generate(), ..vault.principal.clone() };
    assert!(matches!(secrets.get(&stranger, &name("KEY")), Err(AppError::NotFound { .. })));
    assert!(secrets.list(&stranger, None, 10).unwrap().is_empty());
    // Whoever triggers a run without the right to use secrets takes it from the run.
    let request = app::RunRequest {
        script: ScriptRef::parse("use").unwrap(),
        input: String::from("null"),
        trigger: domain::Trigger::Api,
    };
    let view = vault.app.executions().run(&all_but(Permission::SecretsUse), request).await.unwrap();
    assert_eq!(kind(&view), "capability_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_names_only_what_there_is() {
    let vault = vault().await;
    let put = async |origins: &[&str], scripts: &[&str]| {
        let input = SecretInput {
            value: SecretValue::new(VALUE.as_bytes().to_vec()),
            origins: origins.iter().map(|&text| text.to_owned()).collect(),
            placements: vec!["header authorization".parse().unwrap()],
            scripts: scripts.iter().map(|&text| ScriptRef::parse(text).unwrap()).collect(),
        };
        vault.app.secrets().put(&vault.principal, &name("NEW"), None, input).await.map(drop)
    };
    let unknown = domain::ScriptId::generate().to_string();
    for scripts in [&["absent"][..], &["use", "absent"], &[unknown.as_str()]] {
        let refused = put(&[HOME], scripts).await;
        assert!(matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.field == "scripts"), "{refused:?}");
    }
    for origin in ["https://*.example.com", "http://api.example.com", "https://api.example.com/v1", "api.example.com"] {
        let refused = put(&[origin], &["use"]).await;
        assert!(matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.field == "origins"), "{refused:?}");
    }
    put(&[HOME], &["use"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_of_an_old_name_inherits_no_secret() {
    let vault = vault().await;
    assert_eq!(kind(&vault.run("use", &Value::Null).await), "success");
    vault.app.scripts().delete(&vault.principal, &ScriptRef::parse("use").unwrap()).await.unwrap();
    assert!(vault.app.secrets().get(&vault.principal, &name("KEY")).unwrap().script_names.is_empty());
    vault.deploy("use", "export default async () => (await secrets.get('KEY')).hmac('sha256', 'data')").await;
    assert_eq!(kind(&vault.run("use", &Value::Null).await), "capability_denied");
    assert!(vault.app.secrets().get(&vault.principal, &name("KEY")).unwrap().script_names.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_in_no_file_but_sealed() {
    let vault = vault().await;
    let view = vault.run("use", &Value::Null).await;
    assert_eq!(kind(&view), "success", "{:?}", view.error);
    assert_eq!(vault.outside.heard()[0].header("authorization"), VALUE);
    let directory = vault.directory;
    drop(vault.app);
    let hexadecimal: String = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [VALUE, &hexadecimal, "TUFSS0VS", "1BUktFU", "NQVJLRV", "MARKER%2F"];
    for entry in fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for form in forms {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "{form} is in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_changed_in_the_database_opens_nothing() {
    let vault = vault().await;
    assert_eq!(kind(&vault.run("use", &Value::Null).await), "success");
    vault.outside.heard();
    let Vault { app, principal, outside, directory } = vault;
    app.shutdown(std::time::Duration::from_secs(5)).await;
    drop(app);
    let (tenant, secret) = (principal.tenant, name("KEY"));
    {
        let database = crate::app::stage::reopened(directory.path()).await;
        let sealed = database.secret(tenant, &secret).unwrap().unwrap();
        let record = sealed.record;
        // Whoever can write to the database sends the value to a place of his own.
        let change = database::SecretChange {
            name: secret,
            expected_revision: Some(record.revision),
            value_version: record.value_version,
            origins: vec![String::from("https://other.example"), HOME.to_owned()],
            placements: record.placements,
            scripts: record.scripts,
            changed_by: record.updated_by,
            changed_at: record.updated_at,
            value_set_at: record.value_set_at,
            mac: sealed.mac,
            value: sealed.value,
        };
        database.put_secret(tenant, change).await.unwrap();
    }
    let app = Vault::reopen(&directory, &outside).await;
    let vault = Vault { app, principal, outside, directory };
    assert_ne!(kind(&vault.run("use", &Value::Null).await), "success");
    assert!(vault.outside.heard().is_empty());
}
