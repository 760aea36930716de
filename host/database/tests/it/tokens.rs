//! API tokens: the rights that one has now.

use database::{DatabaseError, Membership, MembershipStatus, NewToken, TenantStatus};
use domain::{Permission, Permissions, TokenId, UnixMillis};

use crate::stage::{NOW, Stage, member};

fn token(stage: &Stage, permissions: impl IntoIterator<Item = Permission>) -> NewToken {
    NewToken {
        id: TokenId::generate(),
        user: stage.home.user,
        name: String::from("ci"),
        secret_hash: vec![3; 32],
        permissions: permissions.into_iter().collect(),
        created_at: NOW,
        expires_at: Some(UnixMillis(NOW.0 + 1_000)),
    }
}

#[tokio::test]
async fn a_token_has_no_right_that_its_owner_has_not_now() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let made = token(&stage, [Permission::ScriptsRead, Permission::ScriptsDeploy]);
    let id = made.id;
    database.create_token(tenant, made).await.unwrap();
    let grant = database.token_by_id(id).unwrap().unwrap();
    assert_eq!((grant.tenant, grant.user, grant.secret_hash.len()), (tenant, stage.home.user, 32));
    assert!(grant.permissions.contains(Permission::ScriptsDeploy));
    assert!(!grant.permissions.contains(Permission::ExecutionsRun));

    let viewer: Permissions = [Permission::ScriptsRead].into_iter().collect();
    database.put_membership(tenant, Membership { permissions: viewer, ..member(stage.home.user) }).await.unwrap();
    assert_eq!(database.token_by_id(id).unwrap().unwrap().permissions, viewer);
}

#[tokio::test]
async fn a_token_ends_with_its_time_its_owner_its_tenant_or_its_revocation() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let made = token(&stage, [Permission::ScriptsRead]);
    let id = made.id;
    database.create_token(tenant, made).await.unwrap();
    let is_live = |now| database.token_by_id(id).unwrap().unwrap().is_live(now);
    assert!(is_live(NOW));
    assert!(!is_live(UnixMillis(NOW.0 + 1_000)));

    database.set_tenant_status(tenant, TenantStatus::Suspended).await.unwrap();
    assert!(!is_live(NOW));
    database.set_tenant_status(tenant, TenantStatus::Active).await.unwrap();
    let removed = Membership { status: MembershipStatus::Removed, ..member(stage.home.user) };
    database.put_membership(tenant, removed).await.unwrap();
    assert!(!is_live(NOW));
    assert_eq!(database.membership(tenant, stage.home.user).unwrap().unwrap().rights(), Permissions::NONE);
    database.put_membership(tenant, member(stage.home.user)).await.unwrap();
    assert!(is_live(NOW));
    database.revoke_token(tenant, id, NOW).await.unwrap();
    database.revoke_token(tenant, id, UnixMillis(NOW.0 + 9)).await.unwrap();
    assert!(!is_live(NOW));
    assert_eq!(database.list_tokens(tenant).unwrap()[0].revoked_at, Some(NOW));
}

#[tokio::test]
async fn the_use_of_a_token_is_noted_to_the_minute() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let made = token(&stage, [Permission::ScriptsRead]);
    let id = made.id;
    database.create_token(tenant, made).await.unwrap();
    let used_at = async |now: i64| {
        database.touch_token(&database.token_by_id(id).unwrap().unwrap(), UnixMillis(now));
        // A write that is waited for comes after the one that is not.
        database.put_membership(tenant, member(stage.home.user)).await.unwrap();
        database.list_tokens(tenant).unwrap()[0].last_used_at
    };
    assert_eq!(used_at(NOW.0).await, Some(NOW));
    assert_eq!(used_at(NOW.0 + 59_999).await, Some(NOW));
    assert_eq!(used_at(NOW.0 + 60_000).await, Some(UnixMillis(NOW.0 + 60_000)));
}

#[tokio::test]
async fn nobody_but_a_member_can_own_a_token() {
    let stage = Stage::set().await;
    let made = NewToken { user: stage.other.user, ..token(&stage, []) };
    let result = stage.database.create_token(stage.home.tenant, made).await;
    assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
    assert!(stage.database.token_by_id(TokenId::generate()).unwrap().is_none());
}

#[tokio::test]
async fn an_address_is_one_users() {
    let stage = Stage::set().await;
    let user = crate::stage::new_user(domain::UserId::generate(), "home");
    let result = stage.database.create_user(user).await;
    assert!(matches!(result, Err(DatabaseError::NameTaken)), "{result:?}");
    let found = stage.database.user_by_email("home@example.org").unwrap().unwrap();
    assert_eq!(found, stage.database.user(stage.home.user).unwrap());
}
