//! Tokens against a real database.

use database::{Membership, MembershipStatus, NewTenant, TenantChange, User};
use domain::TenantSlug;

use super::*;
use crate::{App, AppConfig};

struct Stage {
    tokens: TokenService,
    tenant: TenantId,
    user: UserId,
}

impl Stage {
    async fn set() -> Self {
        let tokens = App::open_offline(AppConfig::in_memory()).unwrap().tokens().clone();
        let (tenant, user, created_at) = (TenantId::generate(), UserId::generate(), UnixMillis(1));
        let row = NewTenant {
            id: tenant,
            slug: TenantSlug::parse("acme").unwrap(),
            name: String::from("Acme"),
            sealed_key: Vec::new(),
            limits: None,
            created_at,
        };
        tokens.inner.database.create_tenant(row).await.unwrap();
        let email = String::from("ada@example.com");
        let row = User { id: user, email, name: String::from("Ada"), is_operator: false, created_at };
        tokens.inner.database.create_user(row).await.unwrap();
        let stage = Self { tokens, tenant, user };
        stage.set_membership(Permissions::all(), MembershipStatus::Active).await;
        stage
    }

    async fn set_membership(&self, permissions: Permissions, status: MembershipStatus) {
        let membership = Membership { user: self.user, permissions, status, created_at: UnixMillis(1) };
        self.tokens.inner.database.put_membership(self.tenant, membership).await.unwrap();
        self.tokens.grants.invalidate_all();
    }

    async fn issue(&self, permissions: Permissions, expires_at: Option<UnixMillis>) -> IssuedToken {
        let (id, name) = (TokenId::generate(), String::from("test"));
        self.tokens.issue(id, self.tenant, self.user, name, permissions, expires_at).await.unwrap()
    }

    fn is_refused(&self, text: &str) -> bool {
        matches!(self.tokens.authenticate(text), Err(AppError::Unauthenticated))
    }
}

fn set(permissions: &[Permission]) -> Permissions {
    permissions.iter().copied().collect()
}

#[tokio::test]
async fn a_token_stands_for_its_owner_with_the_rights_of_both() {
    let stage = Stage::set().await;
    stage.set_membership(set(&[Permission::ScriptsRead, Permission::ScriptsWrite]), MembershipStatus::Active).await;
    let token = stage.issue(set(&[Permission::ScriptsRead, Permission::TokensManage]), None).await;
    for _ in 0..2 {
        let principal = stage.tokens.authenticate(&token.text).unwrap();
        assert_eq!(principal.tenant, stage.tenant);
        assert_eq!(principal.actor, Actor::Token { token: token.id, user: stage.user });
        assert_eq!(principal.permissions, set(&[Permission::ScriptsRead]));
    }
}

#[tokio::test]
async fn a_token_with_any_character_changed_is_refused() {
    let stage = Stage::set().await;
    let text = stage.issue(Permissions::all(), None).await.text;
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        assert!(stage.is_refused(&String::from_utf8(changed).unwrap()), "character {at}");
        assert!(stage.is_refused(&text[..at]), "cut at {at}");
    }
    for other in [text.to_uppercase(), format!("{text}0"), format!(" {text}"), text.replace('_', "-"), "ä".repeat(100)]
    {
        assert!(stage.is_refused(&other), "{other}");
    }
}

#[tokio::test]
async fn a_known_id_with_the_secret_of_another_token_is_refused() {
    let stage = Stage::set().await;
    let (one, other) = (stage.issue(Permissions::all(), None).await, stage.issue(Permissions::all(), None).await);
    let secret = other.text.rsplit('_').next().unwrap();
    assert!(stage.is_refused(&format!("sk_{}_{secret}", one.id.uuid().simple())));
    assert!(stage.is_refused(&format!("sk_{}_{secret}", TokenId::generate().uuid().simple())));
}

#[tokio::test]
async fn a_token_ends_when_it_said_it_would() {
    let stage = Stage::set().await;
    let over = stage.issue(Permissions::all(), Some(UnixMillis(UnixMillis::now().0 - 1))).await;
    assert!(stage.is_refused(&over.text));
    let live = stage.issue(Permissions::all(), Some(UnixMillis(UnixMillis::now().0 + 60_000))).await;
    assert!(stage.tokens.authenticate(&live.text).is_ok());
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_where_it_was_revoked() {
    let stage = Stage::set().await;
    let token = stage.issue(Permissions::all(), None).await;
    let principal = stage.tokens.authenticate(&token.text).unwrap();
    stage.tokens.revoke(&principal, token.id).await.unwrap();
    assert!(stage.is_refused(&token.text));
    let unknown = stage.tokens.revoke(&principal, TokenId::generate()).await;
    assert!(matches!(unknown, Err(AppError::NotFound { what: "token" })));
}

#[tokio::test]
async fn a_token_ends_with_its_owners_membership() {
    let stage = Stage::set().await;
    let token = stage.issue(Permissions::all(), None).await;
    assert!(stage.tokens.authenticate(&token.text).is_ok());
    stage.set_membership(Permissions::all(), MembershipStatus::Removed).await;
    assert!(stage.is_refused(&token.text));
}

#[tokio::test]
async fn a_token_rests_while_its_tenant_is_suspended() {
    let stage = Stage::set().await;
    let token = stage.issue(Permissions::all(), None).await;
    let set = async |reason: Option<&str>| {
        let suspended = Some(reason.map(str::to_owned));
        let change = TenantChange { suspended, ..TenantChange::default() };
        stage.tokens.inner.database.change_tenant(stage.tenant, change).await.unwrap();
        stage.tokens.grants.invalidate_all();
    };
    set(Some("the bill is not paid")).await;
    let told = stage.tokens.authenticate(&token.text);
    assert!(matches!(told, Err(AppError::TenantSuspended { reason }) if reason == "the bill is not paid"));
    let wrong = format!("{}0", &token.text[..token.text.len() - 1]);
    assert!(stage.is_refused(&wrong) || wrong == token.text, "nobody else is told anything");
    set(None).await;
    assert!(stage.tokens.authenticate(&token.text).is_ok());
    stage.tokens.inner.database.delete_tenant(stage.tenant, None).await.unwrap();
    stage.tokens.grants.invalidate_all();
    assert!(stage.is_refused(&token.text));
}

#[tokio::test]
async fn nobody_makes_a_token_with_rights_that_he_lacks() {
    let stage = Stage::set().await;
    let own = set(&[Permission::ScriptsRead, Permission::TokensManage]);
    let actor = Actor::Token { token: TokenId::generate(), user: stage.user };
    let principal = Principal { tenant: stage.tenant, actor, permissions: own };
    let create = |permissions| stage.tokens.create(&principal, String::from("mine"), permissions, None);
    let refused = create(set(&[Permission::ScriptsRead, Permission::ScriptsDeploy])).await.unwrap_err();
    assert!(matches!(refused, AppError::Forbidden(Forbidden { permission: Permission::ScriptsDeploy })), "{refused}");
    let made = create(set(&[Permission::ScriptsRead])).await.unwrap();
    assert!(stage.tokens.authenticate(&made.text).is_ok());
}

#[tokio::test]
async fn the_database_holds_no_secret_of_a_token() {
    let stage = Stage::set().await;
    let token = stage.issue(Permissions::all(), None).await;
    let secret = token.text.rsplit('_').next().unwrap();
    let grant = stage.tokens.inner.database.token_by_id(token.id).unwrap().unwrap();
    let mut plain = [0; 32];
    crate::sealing::hex::read(secret.as_bytes(), &mut plain).unwrap();
    assert_ne!(grant.secret_hash, plain);
    assert!(!format!("{token:?}").contains(token.text.rsplit('_').next().unwrap()));
}

#[tokio::test]
async fn a_token_has_a_name_that_hides_nothing() {
    let stage = Stage::set().await;
    let actor = Actor::Token { token: TokenId::generate(), user: stage.user };
    let principal = Principal { tenant: stage.tenant, actor, permissions: Permissions::all() };
    let create = |name: String| stage.tokens.create(&principal, name, Permissions::NONE, None);
    for name in ["", "a\u{202e}b", "a\u{0}b", "a\u{200b}b", " a", &"a".repeat(256)] {
        assert!(matches!(create(name.to_owned()).await, Err(AppError::Invalid(_))), "{name:?}");
    }
    for name in ["laptop 🚀", &"ä".repeat(255)] {
        let made = create(name.to_owned()).await.unwrap();
        assert_eq!(stage.tokens.get(&principal, made.id).unwrap().name, name);
    }
}

#[tokio::test]
async fn somebody_elses_tokens_are_seen_and_revoked_with_the_right_to_manage_members_alone() {
    let stage = Stage::set().await;
    let token = stage.issue(Permissions::all(), None).await;
    let other = UserId::generate();
    let email = String::from("bob@example.com");
    let row = User { id: other, email, name: String::from("Bob"), is_operator: false, created_at: UnixMillis(1) };
    stage.tokens.inner.database.create_user(row).await.unwrap();
    let as_other = |permissions: &[Permission]| Principal {
        tenant: stage.tenant,
        actor: Actor::Token { token: TokenId::generate(), user: other },
        permissions: set(permissions),
    };
    let plain = as_other(&[Permission::TokensManage]);
    assert!(matches!(stage.tokens.get(&plain, token.id), Err(AppError::NotFound { what: "token" })));
    assert!(matches!(stage.tokens.revoke(&plain, token.id).await, Err(AppError::NotFound { what: "token" })));
    assert!(stage.tokens.list(&plain, None, None, 10).unwrap().is_empty());
    assert!(matches!(stage.tokens.list(&plain, Some(stage.user), None, 10), Err(AppError::Forbidden(_))));
    let manager = as_other(&[Permission::TokensManage, Permission::MembersManage]);
    assert_eq!(stage.tokens.list(&manager, None, None, 10).unwrap().len(), 1);
    let patch = TokenPatch { name: Some(String::from("theirs")), ..TokenPatch::default() };
    let renamed = stage.tokens.change(&manager, token.id, patch).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.revoked_at), ("theirs", None));
    stage.tokens.revoke(&manager, token.id).await.unwrap();
    assert!(stage.tokens.get(&manager, token.id).unwrap().revoked_at.is_some());
    assert!(stage.is_refused(&token.text));
}

#[tokio::test]
async fn a_tokens_end_is_brought_forward_and_never_put_off() {
    let stage = Stage::set().await;
    let principal = Principal {
        tenant: stage.tenant,
        actor: Actor::Token { token: TokenId::generate(), user: stage.user },
        permissions: Permissions::all(),
    };
    let now = UnixMillis::now().0;
    let hours = |count: i64| Some(UnixMillis(now + count * 60 * 60 * 1000));
    let token = stage.issue(Permissions::all(), None).await;
    let end = async |expires_at| {
        let patch = TokenPatch { expires_at, ..TokenPatch::default() };
        stage.tokens.change(&principal, token.id, patch).await.map(|token| token.expires_at)
    };
    assert_eq!(end(hours(10)).await.unwrap(), hours(10), "one that never ended");
    assert_eq!(end(hours(5)).await.unwrap(), hours(5));
    for refused in [hours(6), hours(100), hours(-1)] {
        assert!(matches!(end(refused).await, Err(AppError::Invalid(invalid)) if invalid.field == "expires_at"));
    }
    assert_eq!(end(None).await.unwrap(), hours(5), "what is left out stays");
    assert!(!stage.is_refused(&token.text));
    let soon = UnixMillis(UnixMillis::now().0 + 50);
    end(Some(soon)).await.unwrap();
    while UnixMillis::now() <= soon {
        tokio::task::yield_now().await;
    }
    assert!(stage.is_refused(&token.text));
}
