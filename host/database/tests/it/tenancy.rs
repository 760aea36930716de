//! A row of another tenant is not there: for every noun, reading and writing.

use database::{
    Claim, DatabaseError, DraftEdit, EndpointAuthentication, EventPosition, ExecutionFilter, NewEndpoint, NewToken,
    ScriptSettings, SecretChange, Taken,
};
use domain::{Capabilities, EndpointRoute, Language, Permissions, RecordMode, ScriptName, SecretName, TokenId};

use crate::stage::{
    NOW, Stage, activation, all_of, artifact, deploy, ended, event, new_script, put, revision_of, set, under, writes,
};

fn is_not_found<T: std::fmt::Debug>(result: Result<T, DatabaseError>) {
    assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
}

#[tokio::test]
async fn scripts_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, stranger, script) = (&stage.database, stage.other.tenant, stage.home.script);
    let script_name = ScriptName::parse("mine").unwrap();
    database.create_script(stage.home.tenant, new_script("mine", stage.home.user)).await.unwrap();
    is_not_found(database.script(stranger, script));
    assert_eq!(database.script_by_name(stranger, &script_name).unwrap(), None);
    assert_eq!(database.list_scripts(stranger, None, None, 10).unwrap().len(), 1);
    let edit = DraftEdit {
        script,
        expected_revision: 1,
        language: Language::JavaScript,
        source: String::new(),
        updated_at: NOW,
        told: None,
    };
    is_not_found(database.edit_draft(stranger, edit).await);
    let settings = ScriptSettings {
        description: String::new(),
        limits: None,
        capabilities: Capabilities::default(),
        capabilities_set_by: None,
        record: RecordMode::Off,
        policy: None,
        updated_at: NOW,
        told: None,
    };
    is_not_found(database.update_settings(stranger, script, settings).await);
    is_not_found(database.set_active(stranger, script, false, (NOW, None)).await);
    is_not_found(database.delete_script(stranger, script, None).await);
    is_not_found(deploy(database, stranger, script, 1).await);
    assert_eq!(database.script(stage.home.tenant, script).unwrap().summary.draft_revision, 1);
}

#[tokio::test]
async fn versions_and_artifacts_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, stranger) = (&stage.database, stage.other.tenant);
    let (script, version) = (stage.home.script, stage.home.version);
    is_not_found(database.version(stranger, version));
    assert_eq!(database.version_by_number(stranger, script, 1).unwrap(), None);
    assert!(database.list_versions(stranger, script, None, 10).unwrap().is_empty());
    is_not_found(database.activate_version(stranger, script, activation(1, None)).await);
    assert_eq!(database.artifact(stranger, version).unwrap(), None);
    is_not_found(database.put_artifact(stranger, version, artifact()).await);
}

#[tokio::test]
async fn endpoints_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, stranger, script) = (&stage.database, stage.other.tenant, stage.home.script);
    let route = EndpointRoute::parse("GET", "/a").unwrap();
    let endpoint =
        NewEndpoint { route, authentication: EndpointAuthentication::Public, options: None, set_by: None, set_at: NOW };
    database.put_endpoint(stage.home.tenant, script, endpoint.clone()).await.unwrap();
    assert_eq!(database.endpoint(stranger, script).unwrap(), None);
    assert!(database.endpoints_of_tenant(stranger).unwrap().is_empty());
    is_not_found(database.put_endpoint(stranger, script, endpoint.clone()).await);
    is_not_found(database.delete_endpoint(stranger, script).await);
    database.put_endpoint(stranger, stage.other.script, endpoint).await.unwrap();
}

#[tokio::test]
async fn executions_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, stranger) = (&stage.database, stage.other.tenant);
    let id = stage.accept(stage.queued()).await;
    is_not_found(database.get_execution(stranger, id));
    is_not_found(database.cancel_waiting(stranger, id, Vec::new(), NOW).await);
    let claim = Claim { tenant: stranger, epoch: database.epoch(), now: NOW, lease_until: NOW, reserved_fuel: 0 };
    assert_eq!(database.claim_execution(claim).await.unwrap(), Taken::Nothing);
    assert_eq!(database.queued_executions(stranger).unwrap(), 0);
    let claimed = stage.claim(NOW).await.unwrap();
    revision_of(&database.commit_execution(ended(stage.lease_of(&claimed), writes([]))).await.unwrap());
    assert_eq!(database.get_execution_record(stranger, id).unwrap(), None);
    assert!(database.list_executions(stranger, &ExecutionFilter::default(), None, 10).unwrap().executions.is_empty());
    assert_eq!(database.usage_of_day(stranger, NOW.utc_day()).unwrap().executions, 0);
}

#[tokio::test]
async fn storage_events_and_documents_of_another_tenant_are_not_there() {
    let stage = Stage::set().await;
    let (database, home, stranger) = (&stage.database, stage.home.tenant, stage.other.tenant);
    let effects = database::Effects { events: vec![event("a")], ..writes([set("key", "1")]) };
    revision_of(&stage.commit(effects).await);
    assert_eq!(database.storage_get(stranger, "key", NOW).unwrap().revision, None);
    assert_eq!(database.storage_get_many(stranger, &[String::from("key")], NOW).unwrap()[0].revision, None);
    assert!(database.storage_list(stranger, &under("")).unwrap().entries.is_empty());
    assert_eq!(database.storage_bytes(stranger).unwrap(), 0);
    assert!(database.list_events(stranger, EventPosition::default(), 10).unwrap().is_empty());

    let products = || String::from("products");
    database.put_collection(home, products(), String::from("{}"), NOW).await.unwrap();
    database.write_document(home, put("products", "1", "{}"), NOW).await.unwrap();
    assert_eq!(database.collection(stranger, "products").unwrap(), None);
    assert!(database.list_collections(stranger).unwrap().is_empty());
    assert_eq!(database.document_get(stranger, "products", "1").unwrap(), None);
    assert!(database.document_list(stranger, &all_of("products"), |_| false).unwrap().documents.is_empty());
    is_not_found(database.write_document(stranger, put("products", "1", "{}"), NOW).await);
}

#[tokio::test]
async fn members_and_tokens_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, home, stranger) = (&stage.database, stage.home.tenant, stage.other.tenant);
    assert_eq!(database.membership(stranger, stage.home.user).unwrap(), None);
    assert_eq!(database.list_memberships(stranger).unwrap().len(), 1);
    let token = NewToken {
        id: TokenId::generate(),
        user: stage.home.user,
        name: String::from("ci"),
        secret_hash: vec![1; 32],
        permissions: Permissions::all(),
        created_at: NOW,
        expires_at: None,
    };
    let id = token.id;
    database.create_token(home, token).await.unwrap();
    assert!(database.list_tokens(stranger).unwrap().is_empty());
    is_not_found(database.revoke_token(stranger, id, NOW).await);
    assert!(database.token_by_id(id).unwrap().unwrap().revoked_at.is_none());
}

#[tokio::test]
async fn secrets_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (database, home, stranger) = (&stage.database, stage.home.tenant, stage.other.tenant);
    let name = SecretName::parse("KEY").unwrap();
    let revision = database.put_secret(home, secret(&name, None)).await.unwrap();
    assert_eq!(database.secret(stranger, &name).unwrap(), None);
    assert!(database.list_secrets(stranger, None, 10).unwrap().is_empty());
    assert_eq!((database.count_secrets(stranger).unwrap(), database.count_secrets(home).unwrap()), (0, 1));
    is_not_found(database.put_secret(stranger, secret(&name, Some(revision))).await);
    is_not_found(database.delete_secret(stranger, name.clone(), None).await);
    let of_stranger = SecretChange { changed_by: Some(stage.other.user), ..secret(&name, Some(revision)) };
    is_not_found(database.put_secret(home, of_stranger).await);
    database.put_secret(stranger, secret(&name, None)).await.unwrap();
    assert_eq!(database.secret(home, &name).unwrap().unwrap().record.revision, revision);
}

#[tokio::test]
async fn a_secret_is_changed_over_the_revision_that_was_seen_alone() {
    let stage = Stage::set().await;
    let (database, home) = (&stage.database, stage.home.tenant);
    let name = SecretName::parse("KEY").unwrap();
    let revision = database.put_secret(home, secret(&name, None)).await.unwrap();
    let again = database.put_secret(home, secret(&name, None)).await;
    assert!(matches!(again, Err(DatabaseError::NameTaken)), "{again:?}");
    let stale = database.put_secret(home, secret(&name, Some(revision - 1))).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { current }) if current == revision), "{stale:?}");
    let next =
        database.put_secret(home, SecretChange { value: vec![9], ..secret(&name, Some(revision)) }).await.unwrap();
    let kept = database.secret(home, &name).unwrap().unwrap();
    assert_eq!((kept.record.revision, kept.value, kept.mac), (next, vec![9], vec![2; 32]));
    assert_eq!(kept.record.placements, secret(&name, None).placements);
    let stale = database.delete_secret(home, name.clone(), Some(revision)).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { .. })), "{stale:?}");
    database.delete_secret(home, name.clone(), Some(next)).await.unwrap();
    assert_eq!(database.secret(home, &name).unwrap(), None);
}

fn secret(name: &SecretName, expected_revision: Option<i64>) -> SecretChange {
    SecretChange {
        name: name.clone(),
        expected_revision,
        value_version: 1,
        origins: vec![String::from("https://api.example.com")],
        placements: ["header authorization", "body a key", "hmac sha256"].map(|text| text.parse().unwrap()).to_vec(),
        scripts: vec![domain::ScriptId::generate()],
        changed_by: None,
        changed_at: NOW,
        value_set_at: NOW,
        mac: vec![2; 32],
        value: vec![1, 2, 3],
    }
}

#[tokio::test]
async fn a_script_cannot_name_a_user_of_another_tenant() {
    let stage = Stage::set().await;
    let script = new_script("foreign", stage.other.user);
    is_not_found(stage.database.create_script(stage.home.tenant, script).await);
    let by_stranger =
        stage.database.activate_version(stage.home.tenant, stage.home.script, activation(1, Some(stage.other.user)));
    is_not_found(by_stranger.await);
}
