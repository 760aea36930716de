//! The audit log: written with the change or not at all, and never changed.

use std::sync::Arc;

use database::{
    AuditEntry, AuditFilter, AuditMark, AuditRow, AuditSealer, Database, DatabaseError, NewHookBinding, NewTenant,
};
use domain::{Actor, AuditAction, AuditOutcome, HookPoint, ScriptId, TenantId, TenantSlug, UnixMillis};
use rusqlite::Connection;

/// Links that say what they link.
struct Plain;

impl AuditSealer for Plain {
    fn seal(&self, _tenant: TenantId, previous: &[u8; 32], row: &AuditRow) -> AuditMark {
        let number = previous[0] + 1;
        assert_eq!(u64::from(number), row.seq);
        AuditMark { digest: [row.object.len() as u8; 32], chain: [number; 32] }
    }

    fn seal_anchor(&self, _tenant: TenantId, seq: u64, chain: &[u8; 32]) -> [u8; 32] {
        [chain[0] + seq as u8; 32]
    }
}

fn entry(tenant: TenantId, object: &str) -> AuditEntry {
    AuditEntry {
        tenant,
        at: UnixMillis(7),
        action: AuditAction::HooksBind,
        outcome: AuditOutcome::Done,
        actor: Actor::System,
        object: object.to_owned(),
        detail: None,
        request_id: None,
        address: None,
        sealer: Arc::new(Plain),
    }
}

async fn new_tenant(database: &Database, slug: &str) -> TenantId {
    let id = TenantId::generate();
    let slug = TenantSlug::parse(slug).unwrap();
    let tenant =
        NewTenant { id, slug, name: String::new(), sealed_key: Vec::new(), limits: None, created_at: UnixMillis(1) };
    database.create_tenant(tenant).await.unwrap();
    id
}

fn numbers(database: &Database, tenant: TenantId) -> Vec<u64> {
    database.audit_chain(tenant, 0, 100).unwrap().into_iter().map(|(row, _)| row.seq).collect()
}

#[tokio::test]
async fn each_chain_counts_its_own_rows() {
    let database = Database::in_memory().unwrap();
    let (one, other) = (new_tenant(&database, "one").await, new_tenant(&database, "other").await);
    for tenant in [one, other, one, AuditEntry::deployment(), one] {
        database.append_audit(entry(tenant, "it")).await.unwrap();
    }
    assert_eq!(numbers(&database, one), [1, 2, 3]);
    assert_eq!((numbers(&database, other), numbers(&database, AuditEntry::deployment())), (vec![1], vec![1]));
    let heads = database.audit_heads(None, 10).unwrap();
    assert_eq!(heads[0].tenant, AuditEntry::deployment());
    let head = heads.iter().find(|head| head.tenant == one).unwrap();
    assert_eq!((head.seq, head.chain), (3, [3; 32]));
    assert_eq!(database.audit_heads(Some(heads[1].tenant), 10).unwrap(), heads[2..]);
    assert_eq!(database.audit_heads(None, 2).unwrap(), heads[..2]);
}

#[tokio::test]
async fn a_change_that_fails_leaves_no_row_and_a_row_that_cannot_be_written_no_change() {
    let database = Database::in_memory().unwrap();
    let tenant = new_tenant(&database, "one").await;
    let audited = database.audited(entry(tenant, "it"));
    let point = HookPoint::parse("order.validate").unwrap();
    let refused = audited.delete_hook_binding(tenant, point, ScriptId::generate()).await;
    assert!(matches!(refused, Err(DatabaseError::NotFound)));
    assert!(numbers(&database, tenant).is_empty());

    let hosts = || Some(vec![String::from("example.com")]);
    audited.set_egress_hosts(tenant, hosts(), None, UnixMillis(1)).await.unwrap();
    assert_eq!(numbers(&database, tenant), [1]);
}

#[tokio::test]
async fn what_was_not_done_is_not_told() {
    let database = Database::in_memory().unwrap();
    let tenant = new_tenant(&database, "one").await;
    let audited = database.audited(entry(tenant, "it"));
    let point = HookPoint::parse("order.validate").unwrap();
    let binding =
        NewHookBinding { point, script: ScriptId::generate(), position: None, set_by: None, set_at: UnixMillis(1) };
    assert_eq!(audited.put_hook_binding(tenant, binding, 0).await.unwrap(), database::HookBound::TooMany);
    assert!(numbers(&database, tenant).is_empty());
}

#[tokio::test]
async fn no_statement_changes_or_removes_a_row_and_without_its_row_nothing_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    let tenant = new_tenant(&database, "one").await;
    database.append_audit(entry(tenant, "it")).await.unwrap();
    let raw = Connection::open(directory.path().join("skerry.db")).unwrap();
    for statement in ["UPDATE audit_log SET object = 'x'", "DELETE FROM audit_log"] {
        let refused = raw.execute(statement, []).unwrap_err();
        assert!(refused.to_string().contains("only appended to"), "{refused}");
    }
    // Whatever keeps the row out: here a trigger that somebody made.
    let broken = "CREATE TRIGGER no_row BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no'); END";
    raw.execute_batch(broken).unwrap();
    let audited = database.audited(entry(tenant, "it"));
    let hosts = Some(vec![String::from("example.com")]);
    assert!(audited.set_egress_hosts(tenant, hosts, None, UnixMillis(1)).await.is_err());
    assert_eq!(database.egress_hosts(tenant).unwrap(), None);
    assert_eq!(numbers(&database, tenant), [1]);
}

#[tokio::test]
async fn rows_are_found_by_what_they_say() {
    let database = Database::in_memory().unwrap();
    let tenant = new_tenant(&database, "one").await;
    for (at, object) in [(1, "a"), (2, "b"), (3, "a")] {
        database.append_audit(AuditEntry { at: UnixMillis(at), ..entry(tenant, object) }).await.unwrap();
    }
    let found = |filter: AuditFilter, before| -> Vec<u64> {
        database.list_audit(tenant, &filter, before, 10).unwrap().into_iter().map(|row| row.seq).collect()
    };
    let all = AuditFilter::default();
    assert_eq!(found(all.clone(), None), [3, 2, 1]);
    assert_eq!(found(all.clone(), Some(3)), [2, 1]);
    assert_eq!(found(AuditFilter { object: Some(String::from("a")), ..all.clone() }, None), [3, 1]);
    assert_eq!(found(AuditFilter { since: Some(UnixMillis(2)), until: Some(UnixMillis(3)), ..all.clone() }, None), [2]);
    assert!(found(AuditFilter { action: Some(AuditAction::TokensCreate), ..all.clone() }, None).is_empty());
    assert!(found(AuditFilter { outcome: Some(AuditOutcome::Refused), ..all }, None).is_empty());
}

#[tokio::test]
async fn refusals_of_a_minute_add_up() {
    let database = Database::in_memory().unwrap();
    let tenant = AuditEntry::deployment();
    let counted = |minute, refusals| database::Refusals {
        tenant,
        minute: UnixMillis(minute),
        address: String::from("192.0.2.1"),
        refusals,
    };
    database.add_refusals(vec![counted(0, 2), counted(60_000, 1)]).await.unwrap();
    database.add_refusals(vec![counted(0, 3)]).await.unwrap();
    assert_eq!(database.list_refusals(tenant, UnixMillis(60_001), 10).unwrap(), [counted(60_000, 1), counted(0, 5)]);
    assert_eq!(database.oldest_refusal(tenant).unwrap(), Some(UnixMillis(0)));
    assert_eq!(database.purge_refusals(tenant, UnixMillis(60_000), 10).await.unwrap(), 1);
    assert_eq!(database.oldest_refusal(tenant).unwrap(), Some(UnixMillis(60_000)));
}

#[tokio::test]
async fn old_rows_go_up_to_the_anchor_and_no_further_and_the_last_one_stays() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    let (one, other) = (new_tenant(&database, "one").await, new_tenant(&database, "other").await);
    for at in [1, 2, 9, 3] {
        database.append_audit(AuditEntry { at: UnixMillis(at), ..entry(one, "it") }).await.unwrap();
        database.append_audit(AuditEntry { at: UnixMillis(1), ..entry(other, "it") }).await.unwrap();
    }
    let cut = async |tenant, before, limit| {
        database.cut_audit(tenant, UnixMillis(before), limit, Arc::new(Plain)).await.unwrap()
    };
    assert_eq!((cut(one, 1, 10).await, database.audit_anchor(one).unwrap()), (0, None));
    assert_eq!(cut(one, 5, 10).await, 2, "what is behind a newer one waits for it");
    let anchor = database.audit_anchor(one).unwrap().unwrap();
    assert_eq!((anchor.seq, anchor.chain, anchor.seal), (2, [2; 32], [4; 32]));
    assert_eq!(numbers(&database, one), [3, 4]);
    assert_eq!((cut(one, 10, 1).await, cut(one, 10, 10).await), (1, 0));
    database.append_audit(entry(one, "it")).await.unwrap();
    assert_eq!(numbers(&database, one), [4, 5], "it goes on where it was");
    assert_eq!(numbers(&database, other), [1, 2, 3, 4]);
    let raw = Connection::open(directory.path().join("skerry.db")).unwrap();
    let refused = raw.execute("DELETE FROM audit_log", []).unwrap_err();
    assert!(refused.to_string().contains("only appended to"), "{refused}");
}
