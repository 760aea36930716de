//! The log over real changes: what is told of them, and which tampering is found.

use std::fs;

use database::{AuditAnchor, AuditFilter, AuditMark, AuditRow, AuditSealer};
use domain::{Capabilities, Language, Permission, RecordMode, ScriptKind, ScriptName};

use super::{verification::Walk, *};
use crate::{App, AppConfig, AppError, DataLocation, NewScriptInput, ScriptRef};

/// A tenant's first member, and the application.
async fn stage(config: AppConfig) -> (App, Principal) {
    let app = App::open(config).await.unwrap();
    let made = app.bootstrap(false).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&made.token).unwrap();
    (app, principal)
}

async fn create(app: &App, principal: &Principal, name: &str) -> Result<ScriptRef, AppError> {
    let name = ScriptName::parse(name).unwrap();
    let input = NewScriptInput {
        name: name.clone(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        source: String::from("export default () => 1"),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    app.scripts().create(principal, input).await?;
    Ok(ScriptRef::Name(name))
}

fn actions(app: &App, principal: &Principal) -> Vec<String> {
    let rows = app.audit().list(principal, &AuditFilter::default(), None, 100).unwrap();
    rows.into_iter().rev().map(|row| row.action).collect()
}

/// A chain of `count` rows, as it is in the database.
async fn chain(count: usize) -> (App, Principal, Vec<(AuditRow, AuditMark)>) {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    let before = app.inner.database.audit_chain(principal.tenant, 0, 100).unwrap().len();
    for number in before..count {
        let entry = app.inner.audit_entry(&principal, AuditAction::EgressUpdate, number);
        app.inner.database.append_audit(entry).await.unwrap();
    }
    let rows = app.inner.database.audit_chain(principal.tenant, 0, 100).unwrap();
    assert_eq!(rows.len(), count);
    (app, principal, rows)
}

/// The number of the first broken row.
fn broken(app: &App, principal: &Principal, rows: &[(AuditRow, AuditMark)]) -> Option<(u64, BreakKind)> {
    let mut walk = Walk::new(principal.tenant, None);
    let found = rows.iter().find_map(|(row, mark)| walk.step(&app.inner.audit.keys, row, *mark));
    found.or_else(|| walk.end()).map(|broken| (broken.seq, broken.kind))
}

#[tokio::test]
async fn a_change_is_told_of_with_who_what_and_the_request() {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    let (id, address) = (String::from("the-request"), Some([192, 0, 2, 7].into()));
    let origin = RequestOrigin { id, address, ..RequestOrigin::default() };
    let script = origin.scope(create(&app, &principal, "told")).await.unwrap();
    app.scripts().deploy(&principal, &script, None, String::from("first")).await.unwrap();
    app.scripts().delete(&principal, &script).await.unwrap();
    let told: Vec<String> =
        actions(&app, &principal).into_iter().filter(|action| action.starts_with("scripts.")).collect();
    assert_eq!(told, ["scripts.create", "scripts.deploy", "scripts.delete"]);

    let filter = AuditFilter { action: Some(AuditAction::ScriptsCreate), ..AuditFilter::default() };
    let [row] = app.audit().list(&principal, &filter, None, 10).unwrap().try_into().unwrap();
    assert_eq!((row.actor.as_str(), row.outcome.as_str()), ("token", "done"));
    assert_eq!(row.user, principal.user().map(|user| user.to_string()));
    assert_eq!(row.request_id.as_deref(), Some("the-request"));
    assert_eq!(row.address.as_deref(), Some("192.0.2.7"));
    assert_eq!(row.detail.as_deref(), Some(r#"{"name":"told"}"#));
}

#[tokio::test]
async fn what_was_not_done_is_not_told() {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    create(&app, &principal, "once").await.unwrap();
    let before = actions(&app, &principal);
    assert!(create(&app, &principal, "once").await.is_err());
    let script = ScriptRef::Name(ScriptName::parse("once").unwrap());
    let stale = app.scripts().edit_draft(&principal, &script, 0, None, String::from("1")).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })));
    assert_eq!(actions(&app, &principal), before);
}

#[tokio::test]
async fn only_who_may_reads_the_log_and_of_its_tenant_alone() {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    create(&app, &principal, "mine").await.unwrap();
    let filter = AuditFilter::default();
    let all = principal.permissions;
    let without =
        Principal { permissions: all.without(std::iter::once(Permission::AuditRead).collect()), ..principal.clone() };
    assert!(matches!(app.audit().list(&without, &filter, None, 10), Err(AppError::Forbidden(_))));
    assert!(matches!(app.audit().export(&without, 0, 10), Err(AppError::Forbidden(_))));
    let other = Principal { tenant: TenantId::generate(), ..principal };
    assert_eq!(app.audit().list(&other, &filter, None, 10).unwrap(), []);
}

/// The rows of a chain, with their links.
type Rows = Vec<(AuditRow, AuditMark)>;

#[tokio::test]
async fn an_edited_a_removed_a_moved_an_inserted_and_a_forged_row_are_each_found() {
    let (app, principal, rows) = chain(6).await;
    assert_eq!(broken(&app, &principal, &rows), None);
    let tampered = |tamper: &dyn Fn(&mut Rows)| {
        let mut rows = rows.clone();
        tamper(&mut rows);
        broken(&app, &principal, &rows)
    };
    let changed = |seq| Some((seq, BreakKind::Changed));
    assert_eq!(tampered(&|rows| rows[2].0.object.push('x')), changed(3));
    assert_eq!(tampered(&|rows| rows[2].0.at = UnixMillis(0)), changed(3));
    assert_eq!(tampered(&|rows| rows[2].0.user = None), changed(3));
    assert_eq!(tampered(&|rows| rows[2].1.chain[0] ^= 1), changed(3));
    assert_eq!(tampered(&|rows| drop(rows.remove(2))), Some((3, BreakKind::Missing)));
    // Whoever closes the gap has to say another number, or keep what does not fit behind the row before.
    assert_eq!(
        tampered(&|rows| {
            rows.remove(2);
            rows[2..].iter_mut().for_each(|(row, _)| row.seq -= 1);
        }),
        changed(3)
    );
    assert_eq!(tampered(&|rows| rows.swap(2, 3)), Some((3, BreakKind::Missing)));
    assert_eq!(
        tampered(&|rows| {
            rows.swap(2, 3);
            (rows[2].0.seq, rows[3].0.seq) = (3, 4);
        }),
        changed(3)
    );
    assert_eq!(
        tampered(&|rows| {
            let mut inserted = rows[2].clone();
            inserted.0.object = String::from("never");
            rows.insert(2, inserted);
            (3..).zip(&mut rows[3..]).for_each(|(at, (row, _))| row.seq = at + 1);
        }),
        changed(3)
    );
    // Links that another key made.
    let other = ChainKeys::new(zeroize::Zeroizing::new([7; 32]));
    assert_eq!(
        tampered(&|rows| rows[2].1 = AuditSealer::seal(&other, principal.tenant, &rows[1].1.chain, &rows[2].0)),
        changed(3)
    );
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_found_by_the_head_that_was_exported_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("heads.ndjson");
    let audit = AuditConfig { head_file: Some(file.clone()), ..AuditConfig::default() };
    let config = AppConfig { audit, ..AppConfig::in_memory() };
    let (app, principal) = stage(config).await;
    create(&app, &principal, "one").await.unwrap();
    app.inner.keep_audit(UnixMillis(5)).await;
    let heads = fs::read_to_string(&file).unwrap();
    let report = app.audit().verify(Some(&heads)).unwrap().unwrap();
    assert!(report.broken.is_empty() && report.rows >= 1, "{report:?}");

    create(&app, &principal, "two").await.unwrap();
    assert!(app.audit().verify(Some(&heads)).unwrap().unwrap().broken.is_empty(), "rows that came later are no break");
    let later = heads::text(&app.inner.audit.keys, &app.inner.audit_heads().unwrap(), UnixMillis(6));
    let rows = app.inner.database.audit_chain(principal.tenant, 0, 100).unwrap();
    let head = app.inner.audit_heads().unwrap().into_iter().find(|head| head.tenant == principal.tenant).unwrap();
    let mut walk = Walk::new(principal.tenant, Some(&head));
    for (row, mark) in &rows[..rows.len() - 1] {
        assert_eq!(walk.step(&app.inner.audit.keys, row, *mark), None);
    }
    assert_eq!(walk.end().map(|broken| (broken.seq, broken.kind)), Some((head.seq, BreakKind::CutOff)));

    // Another deployment's database has none of these chains, and its key makes another seal.
    let (other, _) = stage(AppConfig::in_memory()).await;
    assert_eq!(other.audit().verify(Some(&later)).unwrap(), Err(HeadFileError::NotOurs));
    let shorter: String = later.lines().skip(1).map(|line| format!("{line}\n")).collect();
    assert_eq!(app.audit().verify(Some(&shorter)).unwrap(), Err(HeadFileError::NotOurs));
    assert_eq!(app.audit().verify(Some("no heads")).unwrap(), Err(HeadFileError::Malformed));
}

#[tokio::test]
async fn a_byte_that_was_changed_in_the_file_is_found_by_the_next_who_verifies() {
    let directory = tempfile::tempdir().unwrap();
    let config = || AppConfig { data: DataLocation::Directory(directory.path().to_owned()), ..AppConfig::in_memory() };
    // Without what goes on in the background, so that the directory is free once the application is dropped.
    let app = App::open_offline(config()).unwrap();
    let made = app.bootstrap(false).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&made.token).unwrap();
    create(&app, &principal, "kept").await.unwrap();
    create(&app, &principal, "hidden").await.unwrap();
    drop(app);

    let file = directory.path().join("skerry.db");
    let mut bytes = fs::read(&file).unwrap();
    let (seen, instead) = (br#"{"name":"hidden"}"#, br#"{"name":"harmle"}"#);
    let places: Vec<usize> =
        bytes.windows(seen.len()).enumerate().filter(|(_, at)| at == seen).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + instead.len()].copy_from_slice(instead);
    }
    fs::write(&file, bytes).unwrap();

    let app = App::open_offline(config()).unwrap();
    let report = app.audit().verify(None).unwrap().unwrap();
    let [found] = report.broken.try_into().unwrap();
    assert_eq!((found.tenant, found.kind), (principal.tenant, BreakKind::Changed));
    let row = &app.inner.database.audit_chain(principal.tenant, found.seq - 1, 1).unwrap()[0].0;
    assert_eq!(row.detail.as_deref(), Some(r#"{"name":"harmle"}"#));
}

#[tokio::test]
async fn what_is_refused_leaves_a_row_and_what_nobody_asked_a_number() {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    let request =
        RefusedRequest { method: "POST", path: "/api/v1/tokens", code: "forbidden", permission: Some("tokens.manage") };
    app.audit().refused(&principal, request).await.unwrap();
    let filter = AuditFilter { outcome: Some(AuditOutcome::Refused), ..AuditFilter::default() };
    let [row] = app.audit().list(&principal, &filter, None, 10).unwrap().try_into().unwrap();
    assert_eq!((row.action.as_str(), row.object.as_str()), ("requests.refuse", "POST /api/v1/tokens"));

    let rows = actions(&app, &principal).len();
    for _ in 0..3 {
        app.audit().count_refusal(None, Some([192, 0, 2, 1].into()));
    }
    app.audit().count_refusal(Some(principal.tenant), None);
    app.inner.keep_audit(UnixMillis::now()).await;
    assert_eq!(actions(&app, &principal).len(), rows);
    let operator = Operator { actor: Actor::Local };
    let later = UnixMillis(UnixMillis::now().0 + 60_000);
    let counted = app.audit().refusals_of_deployment(&operator, later, 10).unwrap();
    assert_eq!(counted.iter().map(|counted| counted.refusals).sum::<u64>(), 3);
    assert_eq!(app.audit().refusals(&principal, later, 10).unwrap()[0].refusals, 1);
}

#[tokio::test]
async fn an_operators_action_is_told_in_the_deployments_own_chain() {
    let (app, principal) = stage(AppConfig::in_memory()).await;
    let operator = Operator { actor: Actor::Local };
    let entry = app.inner.audit_entry(&operator, AuditAction::TenantsUpdate, principal.tenant);
    let before = actions(&app, &principal);
    app.inner.database.append_audit(entry).await.unwrap();
    let rows = app.audit().list_of_deployment(&operator, &AuditFilter::default(), None, 10).unwrap();
    assert_eq!((rows[0].action.as_str(), rows[0].actor.as_str()), ("tenants.update", "local"));
    assert_eq!(actions(&app, &principal), before);
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn rows_go_by_their_age_where_the_operator_wants_that_and_the_log_still_verifies() {
    let audit = AuditConfig { kept: Some(Duration::from_secs(7 * 24 * 60 * 60)), ..AuditConfig::default() };
    let (app, principal) = stage(AppConfig { audit, ..AppConfig::in_memory() }).await;
    for name in ["one", "two", "three"] {
        create(&app, &principal, name).await.unwrap();
    }
    let heads = heads::text(&app.inner.audit.keys, &app.inner.audit_heads().unwrap(), UnixMillis::now());
    let chain = || app.inner.database.audit_chain(principal.tenant, 0, 100).unwrap();
    let before = chain();
    let now = UnixMillis::now();
    app.inner.keep_audit(UnixMillis(now.0 + 6 * DAY_MS)).await;
    assert_eq!(chain(), before, "none is old yet");
    app.inner.keep_audit(UnixMillis(now.0 + 8 * DAY_MS)).await;
    let after = chain();
    assert_eq!(after[0], before[before.len() - 1], "the last row stays: the next one rests on it");
    assert_eq!(after[1].0.action, "audit.cut");
    let report = app.audit().verify(Some(&heads)).unwrap().unwrap();
    assert_eq!(report.broken, [], "{report:?}");
    // What is written after that is found like anything else.
    create(&app, &principal, "four").await.unwrap();
    assert_eq!(app.audit().verify(None).unwrap().unwrap().broken, []);
}

#[tokio::test]
async fn only_this_deployment_says_where_a_log_begins() {
    let (app, principal, rows) = chain(6).await;
    let (keys, tenant) = (&app.inner.audit.keys, principal.tenant);
    let (seq, chain) = (rows[2].0.seq, rows[2].1.chain);
    let seal = AuditSealer::seal_anchor(&**keys, tenant, seq, &chain);
    let whole = AuditAnchor { seq, chain, seal };
    let broken = |anchor: &AuditAnchor, rows: &[(AuditRow, AuditMark)]| {
        let mut walk = Walk::new(tenant, None);
        let found = walk.begin_at(keys, anchor);
        let found = found.or_else(|| rows.iter().find_map(|(row, mark)| walk.step(keys, row, *mark)));
        found.map(|broken| (broken.seq, broken.kind))
    };
    assert_eq!(broken(&whole, &rows[3..]), None);
    assert_eq!(broken(&whole, &rows[4..]), Some((4, BreakKind::Missing)), "a row behind the anchor is gone");
    let later = AuditAnchor { seq: rows[3].0.seq, chain: rows[3].1.chain, ..whole };
    assert_eq!(broken(&later, &rows[4..]), Some((4, BreakKind::Anchor)), "moved by somebody without the key");
    let other = ChainKeys::new(zeroize::Zeroizing::new([7; 32]));
    let forged = AuditSealer::seal_anchor(&other, tenant, seq, &chain);
    assert_eq!(broken(&AuditAnchor { seal: forged, ..whole }, &rows[3..]), Some((3, BreakKind::Anchor)));
}
