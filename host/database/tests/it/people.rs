//! Roles, members, invitations, operators and plans.

use database::{
    Acceptance, Accepting, Adoption, Binding, Database, DatabaseError, MembershipStatus, NewInvitation, NewTenant,
    Password, PlanSetting, Refusal, Removal, RoleGrant, RoleSetting, TenantChange, TenantStatus, UserChange,
};
use domain::{
    BuiltInRole, InvitationId, Limits, Permission, Permissions, PlanQuotas, RoleName, TenantId, UnixMillis, UserId,
};

use crate::stage::{NOW, Stage, new_tenant, new_user};

const MANY: u64 = 100;

fn role(name: &str) -> RoleName {
    RoleName::parse(name).unwrap()
}

fn set(permissions: &[Permission]) -> Permissions {
    permissions.iter().copied().collect()
}

fn setting(name: &str, permissions: &[Permission], set_by: UserId) -> RoleSetting {
    let (name, permissions) = (role(name), set(permissions));
    RoleSetting { name, description: String::new(), permissions, set_by: Some(set_by), now: NOW }
}

fn grant(user: UserId, name: &str) -> RoleGrant {
    RoleGrant { user, role: role(name), within: Permissions::all(), now: NOW }
}

fn removal(user: UserId) -> Removal {
    Removal { user, within: Permissions::all(), adoption: None, now: NOW }
}

async fn user(database: &Database, name: &str) -> UserId {
    let id = UserId::generate();
    database.create_user(new_user(id, name)).await.unwrap();
    id
}

/// A new member of the home tenant in this role.
async fn joined(stage: &Stage, name: &str, in_role: &str) -> UserId {
    let id = user(&stage.database, name).await;
    stage.database.put_member(stage.home.tenant, grant(id, in_role)).await.unwrap();
    id
}

fn rights(stage: &Stage, user: UserId) -> Permissions {
    let membership = stage.database.membership(stage.home.tenant, user).unwrap().unwrap();
    membership.rights()
}

fn refused<T>(result: Result<T, DatabaseError>) -> Option<Refusal> {
    match result {
        Err(DatabaseError::Refused(refusal)) => Some(refusal),
        _ => None,
    }
}

#[tokio::test]
async fn a_member_in_a_role_has_what_it_gives_as_that_changes() {
    let stage = Stage::set().await;
    let (database, home) = (&stage.database, &stage.home);
    let ada = joined(&stage, "ada", "viewer").await;
    assert_eq!(rights(&stage, ada), BuiltInRole::Viewer.permissions());
    let on_call = setting("on-call", &[Permission::ScriptsRead, Permission::ExecutionsRun], home.user);
    database.create_role(home.tenant, on_call, MANY).await.unwrap();
    database.set_member_role(home.tenant, grant(ada, "on-call"), None, None).await.unwrap();
    assert_eq!(rights(&stage, ada), set(&[Permission::ScriptsRead, Permission::ExecutionsRun]));
    let less = setting("on-call", &[Permission::ScriptsRead], home.user);
    database.change_role(home.tenant, less, None).await.unwrap();
    assert_eq!(rights(&stage, ada), set(&[Permission::ScriptsRead]));
    let [listed] = database.roles(home.tenant).unwrap().try_into().unwrap();
    assert_eq!((listed.rights, listed.set_by), (set(&[Permission::ScriptsRead]), Some(home.user)));
    assert!(database.roles(stage.other.tenant).unwrap().is_empty());
}

#[tokio::test]
async fn a_role_shrinks_with_the_rights_of_whoever_set_it_along_the_whole_chain() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let lead = [Permission::ScriptsRead, Permission::ScriptsWrite, Permission::MembersManage];
    database.create_role(tenant, setting("lead", &lead, stage.home.user), MANY).await.unwrap();
    let leader = joined(&stage, "leader", "lead").await;
    let helper = [Permission::ScriptsRead, Permission::ScriptsWrite];
    database.create_role(tenant, setting("helper", &helper, leader), MANY).await.unwrap();
    let member = joined(&stage, "member", "helper").await;
    assert_eq!(rights(&stage, member), set(&helper));

    let less = setting("lead", &[Permission::ScriptsRead], stage.home.user);
    database.change_role(tenant, less, None).await.unwrap();
    assert_eq!(rights(&stage, member), set(&[Permission::ScriptsRead]));
    // Beside the one who goes there has to be an admin.
    joined(&stage, "second", "admin").await;
    database.remove_member(tenant, removal(stage.home.user)).await.unwrap();
    assert_eq!(rights(&stage, member), Permissions::NONE);
    assert_eq!(database.roles(tenant).unwrap()[0].permissions, set(&helper));
}

#[tokio::test]
async fn a_role_that_is_adopted_before_its_setter_goes_keeps_its_rights() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let second = joined(&stage, "second", "admin").await;
    database.create_role(tenant, setting("reader", &[Permission::ScriptsRead], second), MANY).await.unwrap();
    let member = joined(&stage, "member", "reader").await;
    let things = database.bindings_of_member(tenant, second).unwrap();
    assert!(
        matches!(&things[..], [bound] if matches!(&bound.binding, Binding::Role(name, _) if *name == role("reader")))
    );
    let adoption = Some(Adoption { by: stage.home.user, things });
    database.remove_member(tenant, Removal { adoption, ..removal(second) }).await.unwrap();
    assert_eq!(rights(&stage, member), set(&[Permission::ScriptsRead]));
    assert_eq!(rights(&stage, second), Permissions::NONE);
}

#[tokio::test]
async fn no_role_rests_on_itself() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let lead = [Permission::ScriptsRead, Permission::MembersManage];
    database.create_role(tenant, setting("lead", &lead, stage.home.user), MANY).await.unwrap();
    let leader = joined(&stage, "leader", "lead").await;
    let own = database.change_role(tenant, setting("lead", &[Permission::ScriptsRead], leader), None).await;
    assert_eq!(refused(own), Some(Refusal::OwnRole));
    database.create_role(tenant, setting("helper", &lead, leader), MANY).await.unwrap();
    let helper = joined(&stage, "helper", "helper").await;
    let around = database.change_role(tenant, setting("lead", &[Permission::ScriptsRead], helper), None).await;
    assert_eq!(refused(around), Some(Refusal::OwnRole));
    let into_own = database.set_member_role(tenant, grant(leader, "helper"), None, None).await;
    assert_eq!(refused(into_own), Some(Refusal::OwnRole));
    assert_eq!(rights(&stage, helper), set(&lead));
}

#[tokio::test]
async fn nobody_grants_or_takes_more_than_he_holds() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let within = BuiltInRole::Editor.permissions();
    let ada = user(database, "ada").await;
    let more = database.put_member(tenant, RoleGrant { within, ..grant(ada, "admin") }).await;
    assert!(matches!(more, Err(DatabaseError::Beyond { lacking }) if lacking.contains(Permission::MembersManage)));
    database.put_member(tenant, RoleGrant { within, ..grant(ada, "editor") }).await.unwrap();
    let of_admin = RoleGrant { within, ..grant(stage.home.user, "viewer") };
    let demoted = database.set_member_role(tenant, of_admin, None, None).await;
    assert!(matches!(demoted, Err(DatabaseError::Beyond { .. })));
    let removed = database.remove_member(tenant, Removal { within, ..removal(stage.home.user) }).await;
    assert!(matches!(removed, Err(DatabaseError::Beyond { .. })));
    let unknown = database.put_member(tenant, grant(ada, "nobody-made-it")).await;
    assert!(matches!(unknown, Err(DatabaseError::NotFound)));
}

#[tokio::test]
async fn of_two_admins_that_remove_each_other_at_once_one_stays() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let second = joined(&stage, "second", "admin").await;
    let (one, other) = tokio::join!(
        database.remove_member(tenant, removal(stage.home.user)),
        database.set_member_role(tenant, grant(second, "viewer"), None, None),
    );
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert_eq!(refused(one).or(refused(other)), Some(Refusal::LastAdmin));
    let admins = database.list_members(tenant, None, 10).unwrap();
    let admins = admins.iter().filter(|member| member.role == Some(BuiltInRole::Admin.into())).count();
    assert_eq!(admins, 1);
}

#[tokio::test]
async fn a_removed_member_has_no_rights_and_no_tokens_and_comes_back_without_them() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let ada = joined(&stage, "ada", "editor").await;
    let token = database::NewToken {
        id: domain::TokenId::generate(),
        user: ada,
        name: String::from("laptop"),
        secret_hash: vec![1; 32],
        permissions: Permissions::all(),
        created_at: NOW,
        expires_at: None,
    };
    let id = token.id;
    database.create_token(tenant, token).await.unwrap();
    assert!(database.token_by_id(id).unwrap().unwrap().is_live(NOW));
    database.remove_member(tenant, removal(ada)).await.unwrap();
    assert!(matches!(database.member(tenant, ada), Err(DatabaseError::NotFound)));
    assert!(matches!(database.remove_member(tenant, removal(ada)).await, Err(DatabaseError::NotFound)));
    database.put_member(tenant, grant(ada, "viewer")).await.unwrap();
    assert_eq!(rights(&stage, ada), BuiltInRole::Viewer.permissions());
    assert!(!database.token_by_id(id).unwrap().unwrap().is_live(NOW));
}

#[tokio::test]
async fn a_role_that_somebody_has_stays() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let reader = setting("reader", &[Permission::ScriptsRead], stage.home.user);
    database.create_role(tenant, reader.clone(), MANY).await.unwrap();
    assert!(matches!(database.create_role(tenant, reader.clone(), MANY).await, Err(DatabaseError::NameTaken)));
    let full = database.create_role(tenant, setting("more", &[], stage.home.user), 1).await;
    assert_eq!(refused(full), Some(Refusal::TooMany { limit: 1 }));
    let ada = joined(&stage, "ada", "reader").await;
    let in_use = database.delete_role(tenant, role("reader"), None, NOW).await;
    assert_eq!(refused(in_use), Some(Refusal::RoleInUse));
    database.remove_member(tenant, removal(ada)).await.unwrap();
    let stale = database.delete_role(tenant, role("reader"), Some(1), NOW).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { .. })));
    database.delete_role(tenant, role("reader"), None, NOW).await.unwrap();
    assert!(matches!(database.delete_role(tenant, role("reader"), None, NOW).await, Err(DatabaseError::NotFound)));
}

#[tokio::test]
async fn built_in_roles_give_what_this_version_gives() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let ada = joined(&stage, "ada", "viewer").await;
    // As an older version would have left it.
    let file = stage.directory.path().join("skerry.db");
    let older = rusqlite::Connection::open(file).unwrap();
    older.execute("UPDATE memberships SET permissions = 'scripts.read' WHERE role = 'viewer'", []).unwrap();
    drop(older);
    assert_eq!(rights(&stage, ada), set(&[Permission::ScriptsRead]));
    database.refresh_built_in_roles().await.unwrap();
    assert_eq!(rights(&stage, ada), BuiltInRole::Viewer.permissions());
    assert_eq!(database.role_rights(tenant, &role("viewer")).unwrap(), Some(BuiltInRole::Viewer.permissions()));
    assert_eq!(database.role_rights(tenant, &role("nobody-made-it")).unwrap(), None);
}

fn invitation(email: &str, in_role: &str, invited_by: UserId) -> NewInvitation {
    NewInvitation {
        id: InvitationId::generate(),
        email: email.to_owned(),
        role: role(in_role),
        secret_hash: vec![3; 32],
        invited_by: Some(invited_by),
        operator: None,
        created_at: NOW,
        expires_at: UnixMillis(NOW.0 + 1_000),
        within: Permissions::all(),
    }
}

fn password() -> Password {
    Password { hash: String::from("a hash"), set_at: NOW, must_change: false, expires_at: None }
}

#[tokio::test]
async fn an_invitation_is_accepted_once_while_it_lasts() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let invited = invitation("ada@example.org", "editor", stage.home.user);
    let id = invited.id;
    database.create_invitation(tenant, invited, MANY).await.unwrap();
    let ada = user(database, "ada").await;
    let accept = |now| Acceptance { invitation: id, user: Accepting::Known(ada), now };
    let late = database.accept_invitation(accept(UnixMillis(NOW.0 + 1_000))).await;
    assert!(matches!(late, Err(DatabaseError::NotFound)));
    assert_eq!(database.accept_invitation(accept(NOW)).await.unwrap(), (tenant, ada));
    assert_eq!(rights(&stage, ada), BuiltInRole::Editor.permissions());
    assert!(matches!(database.accept_invitation(accept(NOW)).await, Err(DatabaseError::NotFound)));

    let again = invitation("ada@example.org", "admin", stage.home.user);
    let accept = Acceptance { invitation: again.id, user: Accepting::Known(ada), now: NOW };
    database.create_invitation(tenant, again, MANY).await.unwrap();
    assert_eq!(refused(database.accept_invitation(accept).await), Some(Refusal::AlreadyMember));
}

#[tokio::test]
async fn an_invitation_gives_nothing_that_whoever_invited_has_lost() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let second = joined(&stage, "second", "admin").await;
    let invited = invitation("new@example.org", "editor", second);
    let id = invited.id;
    database.create_invitation(tenant, invited, MANY).await.unwrap();
    database.set_member_role(tenant, grant(second, "viewer"), None, None).await.unwrap();
    let new = new_user(UserId::generate(), "new");
    let accept = || Acceptance { invitation: id, user: Accepting::New(new.clone(), password()), now: NOW };
    assert!(matches!(database.accept_invitation(accept()).await, Err(DatabaseError::Beyond { .. })));
    assert!(database.user_by_email("new@example.org").unwrap().is_none(), "nothing of it was written");
    database.set_member_role(tenant, grant(second, "admin"), None, None).await.unwrap();
    database.accept_invitation(accept()).await.unwrap();
    assert_eq!(rights(&stage, new.id), BuiltInRole::Editor.permissions());
}

#[tokio::test]
async fn a_revoked_invitation_and_one_to_another_tenant_are_nothing() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let invited = invitation("ada@example.org", "viewer", stage.home.user);
    let id = invited.id;
    database.create_invitation(tenant, invited.clone(), MANY).await.unwrap();
    let full = database.create_invitation(tenant, NewInvitation { id: InvitationId::generate(), ..invited }, 1).await;
    assert_eq!(refused(full), Some(Refusal::TooMany { limit: 1 }));
    assert!(matches!(database.revoke_invitation(stage.other.tenant, id, NOW).await, Err(DatabaseError::NotFound)));
    assert!(database.list_invitations(stage.other.tenant, None, 10).unwrap().is_empty());
    assert_eq!(database.list_invitations(tenant, None, 10).unwrap().len(), 1);
    database.revoke_invitation(tenant, id, NOW).await.unwrap();
    let ada = user(database, "ada").await;
    let accept = Acceptance { invitation: id, user: Accepting::Known(ada), now: NOW };
    assert!(matches!(database.accept_invitation(accept).await, Err(DatabaseError::NotFound)));
}

#[tokio::test]
async fn a_disabled_user_holds_nothing_anywhere_and_neither_does_what_he_set() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    database.create_role(tenant, setting("reader", &[Permission::ScriptsRead], stage.home.user), MANY).await.unwrap();
    let member = joined(&stage, "member", "reader").await;
    let disabled = UserChange { disabled_at: Some(Some(NOW)), ..UserChange::default() };
    database.change_user(stage.home.user, disabled).await.unwrap();
    let membership = database.membership(tenant, stage.home.user).unwrap().unwrap();
    assert_eq!((membership.status, membership.rights()), (MembershipStatus::Removed, Permissions::NONE));
    assert_eq!(rights(&stage, member), Permissions::NONE);
    let enabled = UserChange { disabled_at: Some(None), ..UserChange::default() };
    database.change_user(stage.home.user, enabled).await.unwrap();
    assert_eq!(rights(&stage, member), set(&[Permission::ScriptsRead]));
}

#[tokio::test]
async fn the_last_operator_stays() {
    let stage = Stage::set().await;
    let database = &stage.database;
    let (one, other) = (stage.home.user, stage.other.user);
    let operator = |is_operator| UserChange { is_operator: Some(is_operator), ..UserChange::default() };
    database.change_user(one, operator(true)).await.unwrap();
    assert_eq!(refused(database.change_user(one, operator(false)).await), Some(Refusal::LastOperator));
    let disabled = UserChange { disabled_at: Some(Some(NOW)), ..UserChange::default() };
    assert_eq!(refused(database.change_user(one, disabled).await), Some(Refusal::LastOperator));
    database.change_user(other, operator(true)).await.unwrap();
    let (first, second) =
        tokio::join!(database.change_user(one, operator(false)), database.change_user(other, operator(false)));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let taken = UserChange { email: Some(String::from("home@example.org")), ..UserChange::default() };
    assert!(matches!(database.change_user(other, taken).await, Err(DatabaseError::NameTaken)));
}

fn plan(name: &str, executions_per_minute: u64) -> PlanSetting {
    let quotas = PlanQuotas { executions_per_minute: Some(executions_per_minute), ..PlanQuotas::default() };
    let limits = Some(Limits { fuel: 5_000_000, ..Limits::DEFAULT });
    PlanSetting { name: name.to_owned(), description: String::new(), limits, quotas, now: NOW }
}

#[tokio::test]
async fn a_change_of_a_plan_holds_for_its_tenants_at_once() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let on_plan = TenantChange { plan: Some(Some(String::from("small"))), ..TenantChange::default() };
    assert!(matches!(database.change_tenant(tenant, on_plan.clone()).await, Err(DatabaseError::NotFound)));
    database.create_plan(plan("small", 10)).await.unwrap();
    database.change_tenant(tenant, on_plan).await.unwrap();
    assert_eq!(database.tenant(tenant).unwrap().quotas.executions_per_minute, Some(10));
    assert_eq!(database.tenant(tenant).unwrap().limits.map(|limits| limits.fuel), Some(5_000_000));
    database.change_plan(plan("small", 20), None).await.unwrap();
    assert_eq!(database.tenant(tenant).unwrap().quotas.executions_per_minute, Some(20));
    let own = PlanQuotas { executions_per_minute: Some(7), ..PlanQuotas::default() };
    database.change_tenant(tenant, TenantChange { quotas: Some(own), ..TenantChange::default() }).await.unwrap();
    assert_eq!(database.tenant(tenant).unwrap().quotas.executions_per_minute, Some(7));
    assert_eq!(database.tenant(stage.other.tenant).unwrap().quotas, PlanQuotas::default());
    assert_eq!(refused(database.delete_plan(String::from("small"), None).await), Some(Refusal::PlanInUse));
    database.change_tenant(tenant, TenantChange { plan: Some(None), ..TenantChange::default() }).await.unwrap();
    database.delete_plan(String::from("small"), None).await.unwrap();
    assert_eq!(database.tenant(tenant).unwrap().limits, None);
}

#[tokio::test]
async fn a_deleted_tenant_leaves_its_slug_and_no_row_that_says_anything() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    stage.set_entry("orders/1", "1").await;
    database.delete_tenant(tenant, None).await.unwrap();
    while database.purge_deleted(tenant).await.unwrap() {}
    let left = database.tenant(tenant).unwrap();
    assert_eq!((left.status, left.sealed_key), (TenantStatus::Deleted, None));
    assert_eq!(stage.value("orders/1"), None);
    assert_eq!(database.count_scripts(tenant).unwrap(), 0);
    assert_eq!(rights(&stage, stage.home.user), Permissions::NONE);
    let renamed = TenantChange { suspended: Some(None), ..TenantChange::default() };
    assert_eq!(refused(database.change_tenant(tenant, renamed).await), Some(Refusal::Deleted));
    let again = NewTenant { id: TenantId::generate(), ..new_tenant(tenant, "home") };
    assert!(matches!(database.create_tenant(again).await, Err(DatabaseError::NameTaken)));
    assert_eq!(database.count_scripts(stage.other.tenant).unwrap(), 1);
}

#[test]
fn every_table_of_a_tenant_is_emptied_with_it_or_kept_for_a_reason() {
    // The member's ids stand in what is kept; what was used is billed, what was audited proves what was done.
    let kept = ["audit_log", "audit_anchors", "audit_refusals", "memberships", "usage"];
    let purged: Vec<&str> = Database::purged_tables().collect();
    for table in crate::schema::tables_of_tenants() {
        let is_known = kept.contains(&table.as_str()) || purged.contains(&table.as_str());
        assert!(is_known, "'{table}' is not in deletion.rs, and not kept");
    }
}
