//! Invitations against a real database.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use domain::BuiltInRole;

use super::*;
use crate::{App, AppConfig};

struct Stage {
    app: App,
    admin: Principal,
}

impl Stage {
    async fn set() -> Self {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let admin = app.tokens().authenticate(&made.token).unwrap();
        Self { app, admin }
    }

    fn invitations(&self) -> &InvitationService {
        self.app.invitations()
    }

    async fn invite(&self, email: &str, role: BuiltInRole) -> Result<IssuedInvitation, AppError> {
        self.invitations().create(&self.admin, EmailAddress::parse(email).unwrap(), role.into()).await
    }

    async fn user(&self, email: &str) -> UserId {
        let id = UserId::generate();
        let (email, name) = (email.to_owned(), String::from("Ada"));
        let user = User { id, email, name, is_operator: false, created_at: UnixMillis(1) };
        self.app.inner.database.create_user(user).await.unwrap();
        id
    }
}

fn password() -> PlainPassword {
    PlainPassword::chosen(String::from("a few words of hers")).unwrap()
}

fn is_nothing<T>(result: Result<T, AppError>) -> bool {
    matches!(result, Err(AppError::NotFound { what: "invitation" }))
}

#[tokio::test]
async fn whoever_was_invited_becomes_a_member_in_the_role_and_nobody_else_does() {
    let stage = Stage::set().await;
    let issued = stage.invite("Ada@example.com", BuiltInRole::Editor).await.unwrap();
    let (ada, eve) = (stage.user("ada@example.com").await, stage.user("eve@example.com").await);
    assert!(is_nothing(stage.invitations().accept(eve, &issued.secret).await));
    assert_eq!(stage.invitations().preview(&issued.secret).unwrap().role, BuiltInRole::Editor.into());
    let accepted = stage.invitations().accept(ada, &issued.secret).await.unwrap();
    assert_eq!((accepted.tenant, accepted.user), (stage.admin.tenant, ada));
    assert_eq!(stage.app.members().get(&stage.admin, ada).unwrap().rights, BuiltInRole::Editor.permissions());
    assert!(is_nothing(stage.invitations().accept(ada, &issued.secret).await));
    assert!(is_nothing(stage.invitations().preview(&issued.secret)));
}

#[tokio::test]
async fn an_invitation_makes_a_user_of_whoever_is_none() {
    let stage = Stage::set().await;
    let issued = stage.invite("new@example.com", BuiltInRole::Viewer).await.unwrap();
    let name = DisplayName::parse("name", "Nia").unwrap();
    let accepted = stage.invitations().accept_new(&issued.secret, &name, &password()).await.unwrap();
    let member = stage.app.members().get(&stage.admin, accepted.user).unwrap();
    assert_eq!((member.email.as_str(), member.name.as_str()), ("new@example.com", "Nia"));
    let again = stage.invite("new@example.com", BuiltInRole::Admin).await.unwrap();
    let taken = stage.invitations().accept_new(&again.secret, &name, &password()).await;
    assert!(matches!(taken, Err(AppError::SignInFailed)), "the address is somebody's: that person signs in");
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_and_when_it_is_revoked() {
    let stage = Stage::set().await;
    let issued = stage.invite("ada@example.com", BuiltInRole::Viewer).await.unwrap();
    let ada = stage.user("ada@example.com").await;
    let end = issued.invitation.created_at.0 + 7 * 24 * 60 * 60 * 1_000;
    assert!(stage.invitations().preview_at(&issued.secret, UnixMillis(end - 1)).is_ok());
    assert!(is_nothing(stage.invitations().accept_at(ada, &issued.secret, UnixMillis(end)).await));
    stage.invitations().revoke(&stage.admin, issued.invitation.id).await.unwrap();
    assert!(is_nothing(stage.invitations().preview(&issued.secret)));
    let unknown = stage.invitations().revoke(&stage.admin, InvitationId::generate()).await;
    assert!(is_nothing(unknown));
}

#[tokio::test]
async fn an_invitation_is_answered_the_same_whether_the_address_is_known() {
    let stage = Stage::set().await;
    stage.user("known@example.com").await;
    let known = stage.invite("known@example.com", BuiltInRole::Viewer).await.unwrap().invitation;
    let unknown = stage.invite("nobody@example.com", BuiltInRole::Viewer).await.unwrap().invitation;
    assert_eq!((known.accepted_by, known.role), (unknown.accepted_by, unknown.role));
    assert_eq!(known.expires_at.0 - known.created_at.0, unknown.expires_at.0 - unknown.created_at.0);
}

#[tokio::test]
async fn a_secret_that_is_another_ones_or_changed_opens_nothing_and_is_kept_nowhere() {
    let stage = Stage::set().await;
    let (one, other) = (
        stage.invite("a@example.com", BuiltInRole::Viewer).await.unwrap(),
        stage.invite("b@example.com", BuiltInRole::Viewer).await.unwrap(),
    );
    let secret = other.secret.rsplit('_').next().unwrap();
    let mixed = format!("si_{}_{secret}", one.invitation.id.uuid().simple());
    for text in [mixed.as_str(), "", "si_", "sk_1_2", &one.secret[..one.secret.len() - 1]] {
        assert!(is_nothing(stage.invitations().preview(text)), "{text}");
    }
    assert!(!format!("{one:?}").contains(one.secret.rsplit('_').next().unwrap()));
}

#[tokio::test]
async fn nobody_invites_into_more_than_he_holds_or_into_a_role_that_is_none() {
    let stage = Stage::set().await;
    let permissions = BuiltInRole::Editor.permissions().union([Permission::MembersManage].into_iter().collect());
    let manager = Principal { permissions, ..stage.admin.clone() };
    let email = || EmailAddress::parse("ada@example.com").unwrap();
    let refused = stage.invitations().create(&manager, email(), BuiltInRole::Admin.into()).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
    stage.invitations().create(&manager, email(), BuiltInRole::Editor.into()).await.unwrap();
    let unknown = stage.invitations().create(&manager, email(), RoleName::parse("nobody-made-it").unwrap()).await;
    assert!(matches!(unknown, Err(AppError::Invalid(_))));
    let editor = Principal { permissions: BuiltInRole::Editor.permissions(), ..stage.admin.clone() };
    let refused = stage.invitations().create(&editor, email(), BuiltInRole::Viewer.into()).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
}

#[tokio::test]
async fn what_an_operator_invited_is_nothing_any_more_once_that_person_is_none() {
    let stage = Stage::set().await;
    let (second, ada) = (stage.user("second@example.com").await, stage.user("ada@example.com").await);
    let own = Operator { actor: stage.admin.actor };
    let operators = stage.app.operators();
    let is_operator = |is_operator| crate::UserPatch { is_operator: Some(is_operator), ..crate::UserPatch::default() };
    operators.change_user(&own, second, is_operator(true)).await.unwrap();
    let by = Operator { actor: Actor::Token { token: domain::TokenId::generate(), user: second } };
    let email = EmailAddress::parse("ada@example.com").unwrap();
    let issued =
        stage.invitations().create_for(&by, stage.admin.tenant, email, BuiltInRole::Admin.into()).await.unwrap();
    operators.change_user(&own, second, is_operator(false)).await.unwrap();
    assert!(is_nothing(stage.invitations().accept(ada, &issued.secret).await));
    operators.change_user(&own, second, is_operator(true)).await.unwrap();
    stage.invitations().accept(ada, &issued.secret).await.unwrap();
}
