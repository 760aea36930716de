//! Passwords and sessions against a real database, with a clock of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::Ipv4Addr;

use database::{Membership, UserChange};
use domain::{Permission, Permissions};

use super::*;
use crate::{App, AppConfig};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "a few words of hers";
const OTHER: &str = "and a few words more";
const MINUTE: i64 = 60 * 1000;

struct Stage {
    app: App,
    tenant: TenantId,
    user: UserId,
    now: UnixMillis,
}

fn plain(text: &str) -> PlainPassword {
    PlainPassword::typed(text.to_owned())
}

fn from(address: [u8; 4]) -> Visitor {
    Visitor { address: IpAddr::V4(Ipv4Addr::from(address)), device: String::from("Browser\u{7} 1"), session: None }
}

impl Stage {
    async fn set() -> Self {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let user = User {
            id: UserId::generate(),
            email: EMAIL.to_owned(),
            name: String::from("Ada"),
            is_operator: false,
            created_at: UnixMillis(1),
        };
        let id = user.id;
        app.inner.database.create_user(user).await.unwrap();
        let tenant = app.tenant_with_member(&TenantSlug::parse("acme").unwrap(), "Acme", id).await.unwrap();
        let stage = Self { app, tenant, user: id, now: UnixMillis::now() };
        stage.set_password(PASSWORD, false, None).await;
        stage
    }

    async fn set_password(&self, text: &str, must_change: bool, expires_at: Option<UnixMillis>) {
        let hash = self.app.sign_in().hash(&plain(text)).await.unwrap();
        let password = Password { hash, set_at: self.now, must_change, expires_at };
        self.app.inner.database.set_password(self.user, password, None).await.unwrap();
    }

    async fn sign_in(&self, password: &str, visitor: &Visitor, later: i64) -> Result<IssuedSession, AppError> {
        self.sign_in_as(EMAIL, password, visitor, later).await
    }

    async fn sign_in_as(
        &self,
        email: &str,
        password: &str,
        visitor: &Visitor,
        later: i64,
    ) -> Result<IssuedSession, AppError> {
        self.app.sign_in().by_password((email, plain(password)), None, visitor, self.at(later)).await
    }

    fn at(&self, later: i64) -> UnixMillis {
        UnixMillis(self.now.0 + later)
    }

    fn person(&self, text: &str) -> Result<Person, AppError> {
        self.app.sessions().grants.invalidate_all();
        self.app.sessions().authenticate(text, self.now)
    }

    /// Change a row that is read live, and forget what was read.
    async fn set_rights(&self, permissions: Permissions, status: database::MembershipStatus) {
        let membership = Membership { user: self.user, permissions, status, created_at: UnixMillis(1) };
        self.app.inner.database.put_membership(self.tenant, membership).await.unwrap();
    }
}

fn has_failed<T>(result: &Result<T, AppError>) -> bool {
    matches!(result, Err(AppError::SignInFailed))
}

fn must_wait<T: std::fmt::Debug>(result: Result<T, AppError>) -> Duration {
    match result {
        Err(AppError::TooManyAttempts { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_person_signs_in_and_acts_in_the_tenant_with_the_rights_of_now() {
    let stage = Stage::set().await;
    let issued = stage.sign_in_as(" ADA@example.com ", PASSWORD, &from([192, 0, 2, 1]), 0).await.unwrap();
    let person = stage.person(&issued.text).unwrap();
    let principal = person.principal().unwrap();
    assert_eq!((principal.tenant, principal.permissions), (stage.tenant, Permissions::all()));
    assert_eq!(principal.actor, Actor::Session { session: issued.id, user: stage.user });
    assert!(person.operator().is_err());
    assert!(stage.app.still_valid(&principal).unwrap());
    assert!(!format!("{issued:?} {person:?}").contains(issued.text.rsplit('_').next().unwrap()));

    stage.set_rights([Permission::ScriptsRead].into_iter().collect(), database::MembershipStatus::Active).await;
    stage.app.sessions().grants.invalidate_all();
    assert!(!stage.app.still_valid(&principal).unwrap(), "it has lost rights");
    let principal = stage.person(&issued.text).unwrap().principal().unwrap();
    assert_eq!(principal.permissions, [Permission::ScriptsRead].into_iter().collect());
    stage.set_rights(Permissions::all(), database::MembershipStatus::Removed).await;
    assert!(stage.person(&issued.text).unwrap().principal().is_err());
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_none_are_the_same() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    assert!(has_failed(&stage.sign_in("another one entirely", &visitor, 0).await));
    assert!(has_failed(&stage.sign_in_as("nobody@example.com", PASSWORD, &visitor, 0).await));
    assert!(has_failed(&stage.sign_in_as(&"x".repeat(1 << 20), PASSWORD, &visitor, 0).await));
    stage.app.inner.database.remove_password(stage.user).await.unwrap();
    assert!(has_failed(&stage.sign_in(PASSWORD, &visitor, 0).await));
    assert!(has_failed(&stage.sign_in("", &visitor, 0).await));
}

#[tokio::test]
async fn guessing_waits_longer_each_time_and_a_restart_forgets_nothing() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    for _ in 0..6 {
        assert!(has_failed(&stage.sign_in("another one entirely", &visitor, 0).await));
    }
    assert_eq!(must_wait(stage.sign_in(PASSWORD, &visitor, 0).await), Duration::from_secs(1));
    assert_eq!(must_wait(stage.sign_in(PASSWORD, &visitor, 400).await), Duration::from_millis(600), "asking is free");
    assert!(has_failed(&stage.sign_in("another one entirely", &visitor, 1_000).await));
    assert_eq!(must_wait(stage.sign_in(PASSWORD, &visitor, 1_000).await), Duration::from_secs(2));
    // Another service on the same rows, as after a restart.
    let again = SignInService::new(Arc::clone(&stage.app.inner), stage.app.sessions().clone());
    let answer = again.by_password((EMAIL, plain(PASSWORD)), None, &visitor, stage.at(1_000)).await;
    assert_eq!(must_wait(answer), Duration::from_secs(2));
    assert!(stage.sign_in(PASSWORD, &visitor, 3_000).await.is_ok());
    assert!(has_failed(&stage.sign_in("another one entirely", &visitor, 3_000).await), "all is forgiven");
    assert!(stage.sign_in(PASSWORD, &visitor, 3_000).await.is_ok());
}

#[tokio::test]
async fn attempts_side_by_side_do_not_slip_past_the_count() {
    let stage = Arc::new(Stage::set().await);
    let attempts: Vec<_> = (0..20)
        .map(|_| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move { stage.sign_in("another one entirely", &from([192, 0, 2, 1]), 0).await })
        })
        .collect();
    let mut guessed = 0;
    for attempt in attempts {
        guessed += usize::from(has_failed(&attempt.await.unwrap()));
    }
    assert_eq!(guessed, 6);
}

#[tokio::test]
async fn an_address_that_guesses_at_many_accounts_waits_for_all_of_them() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    for at in 0..31 {
        let email = format!("somebody{at}@example.com");
        assert!(has_failed(&stage.sign_in_as(&email, "x", &visitor, 0).await), "{at}");
    }
    must_wait(stage.sign_in(PASSWORD, &visitor, 0).await);
    assert!(stage.sign_in(PASSWORD, &from([192, 0, 2, 2]), 0).await.is_ok());
}

#[tokio::test]
async fn a_stranger_shuts_nobody_out_who_has_signed_in_from_there_before() {
    let stage = Stage::set().await;
    let home = from([192, 0, 2, 1]);
    assert!(stage.sign_in(PASSWORD, &home, 0).await.is_ok());
    // From as many addresses as it takes, until the account itself waits, which it does for a minute at most.
    let mut longest = Duration::ZERO;
    for (at, later) in (0..40).zip((0..).step_by(1)) {
        let stranger = from([198, 51, at, 7]);
        match stage.sign_in("another one entirely", &stranger, later * 61_000).await {
            Err(AppError::TooManyAttempts { retry_after }) => longest = longest.max(retry_after),
            answer => assert!(has_failed(&answer)),
        }
    }
    let last = 40 * 61_000 - 61_000;
    let waits = must_wait(stage.sign_in(PASSWORD, &from([203, 0, 113, 1]), last).await);
    assert!(waits <= Duration::from_secs(60) && longest <= Duration::from_secs(60), "{waits:?} {longest:?}");
    assert!(stage.sign_in(PASSWORD, &home, last).await.is_ok(), "not where its owner is known");
    assert!(stage.sign_in(PASSWORD, &from([203, 0, 113, 1]), last + 61_000).await.is_ok(), "and not for good");
}

#[tokio::test]
async fn failures_and_known_addresses_are_forgotten_in_time() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    for _ in 0..6 {
        assert!(has_failed(&stage.sign_in("another one entirely", &visitor, 0).await));
    }
    let day = 24 * 60 * MINUTE;
    assert!(has_failed(&stage.sign_in("another one entirely", &visitor, day).await), "they count from the beginning");
    assert!(stage.sign_in(PASSWORD, &visitor, day).await.is_ok());
    stage.app.inner.purge_sign_ins(stage.at(92 * day)).await.unwrap();
    let database = &stage.app.inner.database;
    let key = stage.app.inner.keyring.sign_in_hash(&[b"address", b"192.0.2.1"]);
    assert!(!database.is_known_address(stage.user, key).unwrap());
    assert!(database.list_sessions(stage.user).unwrap().is_empty());
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_at_last_however_much_it_is() {
    let stage = Stage::set().await;
    let issued = stage.sign_in(PASSWORD, &from([192, 0, 2, 1]), 0).await.unwrap();
    let sessions = stage.app.sessions();
    let is_live = |later: i64| {
        sessions.grants.invalidate_all();
        sessions.authenticate(&issued.text, stage.at(later)).is_ok()
    };
    assert!(is_live(29 * MINUTE) && !is_live(30 * MINUTE + 29 * MINUTE + 1), "half an hour unused");
    let mut later = 0;
    while later < 12 * 60 * MINUTE {
        assert!(is_live(later), "{later}");
        // What notes the use is written some time later; nothing else writes here.
        stage.app.inner.database.end_sessions(UserId::generate(), None).await.unwrap();
        later += 20 * MINUTE;
    }
    assert!(!is_live(12 * 60 * MINUTE), "twelve hours");
}

#[tokio::test]
async fn signing_in_again_takes_the_place_of_the_browsers_session() {
    let stage = Stage::set().await;
    let first = stage.sign_in(PASSWORD, &from([192, 0, 2, 1]), 0).await.unwrap();
    let visitor = Visitor { session: Some(first.text.clone()), ..from([192, 0, 2, 1]) };
    let second = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    assert!(matches!(stage.person(&first.text), Err(AppError::Unauthenticated)));
    assert!(stage.person(&second.text).is_ok());
}

#[tokio::test]
async fn a_person_sees_and_ends_the_own_sessions_and_nobody_elses() {
    let stage = Stage::set().await;
    let mut issued = Vec::new();
    for at in 1..4 {
        issued.push(stage.sign_in(PASSWORD, &from([192, 0, 2, at]), 0).await.unwrap());
    }
    let sessions = stage.app.sessions();
    let person = stage.person(&issued[0].text).unwrap();
    let listed = sessions.list(&person, stage.now).unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|session| session.device == "Browser 1"), "{listed:?}");
    sessions.end(&person, issued[1].id).await.unwrap();
    assert!(stage.person(&issued[1].text).is_err());
    assert!(matches!(sessions.end(&person, issued[1].id).await, Err(AppError::NotFound { .. })));

    let stranger = stage.app.operator().await.unwrap();
    let opened = stage.app.sign_in().open(stranger, None, &from([192, 0, 2, 9]), stage.now).await.unwrap();
    assert!(matches!(sessions.end(&person, opened.id).await, Err(AppError::NotFound { .. })));
    assert_eq!(sessions.end_others(&person).await.unwrap(), 1);
    assert!(stage.person(&issued[2].text).is_err() && stage.person(&issued[0].text).is_ok());
    assert!(stage.person(&opened.text).is_ok());

    let operator = stage.person(&opened.text).unwrap().operator().unwrap();
    assert_eq!(sessions.list_of(&operator, stage.user, stage.now).unwrap().len(), 1);
    let principal = stage.person(&issued[0].text).unwrap().principal().unwrap();
    sessions.end_all_of(&operator, stage.user).await.unwrap();
    assert!(stage.person(&issued[0].text).is_err());
    assert!(!stage.app.still_valid(&principal).unwrap());
}

#[tokio::test]
async fn a_session_acts_in_each_tenant_of_the_person_and_gets_another_secret_with_it() {
    let stage = Stage::set().await;
    let slug = |text: &str| TenantSlug::parse(text).unwrap();
    let other = stage.app.tenant_with_member(&slug("other"), "Other", stage.user).await.unwrap();
    let operator = stage.app.operator().await.unwrap();
    stage.app.tenant_with_member(&slug("foreign"), "Foreign", operator).await.unwrap();
    let issued = stage.sign_in(PASSWORD, &from([192, 0, 2, 1]), 0).await.unwrap();
    let person = stage.person(&issued.text).unwrap();
    let sessions = stage.app.sessions();
    for unknown in ["foreign", "nowhere"] {
        let refused = sessions.choose_tenant(&person, &slug(unknown)).await;
        assert!(matches!(refused, Err(AppError::NotFound { what: "tenant that you belong to" })), "{refused:?}");
    }
    let chosen = sessions.choose_tenant(&person, &slug("other")).await.unwrap();
    assert_eq!(chosen.id, issued.id);
    assert!(stage.person(&issued.text).is_err());
    assert_eq!(stage.person(&chosen.text).unwrap().principal().unwrap().tenant, other);
    let details = sessions.describe(&person).unwrap();
    assert_eq!(details.tenants.iter().map(|tenant| tenant.slug.as_str()).collect::<Vec<_>>(), ["acme", "other"]);
}

#[tokio::test]
async fn a_password_is_changed_by_the_old_one_and_ends_all_other_sessions() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    let own = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    let other = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    let person = stage.person(&own.text).unwrap();
    let change = |old: &'static str| {
        let pair = (plain(old), plain(OTHER));
        stage.app.sign_in().change_password(&person, pair, visitor.address, stage.now)
    };
    assert!(matches!(change(OTHER).await, Err(AppError::Invalid(invalid)) if invalid.field == "current_password"));
    let changed = change(PASSWORD).await.unwrap();
    assert_eq!(changed.id, own.id);
    assert!(stage.person(&own.text).is_err() && stage.person(&other.text).is_err());
    assert!(stage.person(&changed.text).is_ok());
    assert!(has_failed(&stage.sign_in(PASSWORD, &visitor, 0).await));
    assert!(stage.sign_in(OTHER, &visitor, 0).await.is_ok());
}

#[tokio::test]
async fn a_password_to_be_changed_opens_nothing_but_the_way_to_another_one_and_ends() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    stage.set_password(PASSWORD, true, Some(stage.at(24 * 60 * MINUTE))).await;
    let issued = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    let person = stage.person(&issued.text).unwrap();
    assert!(person.must_change_password() && person.principal().is_err() && person.operator().is_err());
    assert!(has_failed(&stage.sign_in(PASSWORD, &visitor, 24 * 60 * MINUTE).await));
    let pair = (plain(PASSWORD), plain(OTHER));
    let changed = stage.app.sign_in().change_password(&person, pair, visitor.address, stage.now).await.unwrap();
    assert!(stage.person(&changed.text).unwrap().principal().is_ok());
    assert!(stage.sign_in(OTHER, &visitor, 24 * 60 * MINUTE).await.is_ok());
}

#[tokio::test]
async fn a_reset_link_is_good_once_and_for_a_day() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    let session = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    let operator = Operator { actor: Actor::Local };
    let sign_in = stage.app.sign_in();
    let use_link =
        async |text: String, later: i64| sign_in.by_reset_link((&text, plain(OTHER)), &visitor, stage.at(later)).await;
    let is_gone = |answer: Result<IssuedSession, AppError>| matches!(answer, Err(AppError::NotFound { .. }));
    let replaced = sign_in.reset_link(&operator, stage.user, stage.now).await.unwrap();
    let link = sign_in.reset_link(&operator, stage.user, stage.now).await.unwrap();
    assert!(is_gone(use_link(replaced.text, 0).await), "another one took its place");
    assert!(is_gone(use_link(format!("{}0", link.text), 0).await));
    let forged = format!("{}{}", &link.text[..36], "0".repeat(64));
    assert!(is_gone(use_link(forged, 0).await));
    assert!(is_gone(use_link(link.text.clone(), 24 * 60 * MINUTE).await), "it has ended");
    let issued = use_link(link.text.clone(), 1).await.unwrap();
    assert!(is_gone(use_link(link.text.clone(), 1).await), "it was used");
    assert!(stage.person(&issued.text).unwrap().principal().is_ok());
    assert!(stage.person(&session.text).is_err());
    assert!(has_failed(&stage.sign_in(PASSWORD, &visitor, 0).await));
    assert!(!format!("{link:?}").contains(link.text.rsplit('_').next().unwrap()));
    let unknown = sign_in.reset_link(&operator, UserId::generate(), stage.now).await;
    assert!(matches!(unknown, Err(AppError::NotFound { what: "user" })));
}

#[tokio::test]
async fn whoever_is_disabled_is_out_and_whose_tenant_is_suspended_is_told() {
    let stage = Stage::set().await;
    let visitor = from([192, 0, 2, 1]);
    let issued = stage.sign_in(PASSWORD, &visitor, 0).await.unwrap();
    let database = &stage.app.inner.database;
    database.set_tenant_status(stage.tenant, TenantStatus::Suspended).await.unwrap();
    let person = stage.person(&issued.text).unwrap();
    assert!(matches!(person.principal(), Err(AppError::TenantSuspended { .. })));
    let link = stage.app.sign_in().reset_link(&Operator { actor: Actor::Local }, stage.user, stage.now).await.unwrap();
    let change = UserChange { disabled_at: Some(Some(stage.now)), ..UserChange::default() };
    database.change_user(stage.user, change).await.unwrap();
    assert!(matches!(stage.person(&issued.text), Err(AppError::Unauthenticated)));
    assert!(has_failed(&stage.sign_in(PASSWORD, &visitor, 0).await));
    let by_link = stage.app.sign_in().by_reset_link((&link.text, plain(OTHER)), &visitor, stage.now).await;
    assert!(matches!(by_link, Err(AppError::NotFound { .. })));
}

#[tokio::test]
async fn a_password_that_was_hashed_otherwise_is_hashed_anew() {
    let stage = Stage::set().await;
    let weak = "$argon2id$v=19$m=8192,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let database = &stage.app.inner.database;
    let before = database.password(stage.user).unwrap().unwrap().hash;
    database.rehash_password(stage.user, before.clone(), weak.to_owned()).await.unwrap();
    assert_eq!(database.password(stage.user).unwrap().unwrap().hash, weak);
    // One that was changed meanwhile stays.
    database.rehash_password(stage.user, before.clone(), before).await.unwrap();
    assert_eq!(database.password(stage.user).unwrap().unwrap().hash, weak);
}

#[tokio::test]
async fn of_many_sessions_the_oldest_end() {
    let stage = Stage::set().await;
    for at in 0..52 {
        let visitor = from([192, 0, 2, 1]);
        stage.app.sign_in().open(stage.user, None, &visitor, stage.at(at)).await.unwrap();
    }
    let sessions = stage.app.inner.database.list_sessions(stage.user).unwrap();
    assert_eq!(sessions.len(), 50);
    assert_eq!(sessions.last().unwrap().created_at, stage.at(2));
}

#[tokio::test]
async fn the_first_password_is_to_be_changed_within_a_day() {
    let app = App::open_offline(AppConfig::in_memory()).unwrap();
    let made = app.bootstrap(false).await.unwrap().unwrap();
    assert!(!format!("{made:?}").contains(&made.password));
    let credentials = (made.operator_email.as_str(), plain(&made.password));
    let now = UnixMillis::now();
    let issued = app.sign_in().by_password(credentials, None, &from([127, 0, 0, 1]), now).await.unwrap();
    let person = app.sessions().authenticate(&issued.text, now).unwrap();
    assert!(person.must_change_password() && person.operator().is_err());
    let pair = (plain(&made.password), plain(OTHER));
    let changed = app.sign_in().change_password(&person, pair, Ipv4Addr::LOCALHOST.into(), now).await.unwrap();
    let person = app.sessions().authenticate(&changed.text, now).unwrap();
    assert!(person.operator().is_ok());
    let later = UnixMillis(made.token_expires_at.0);
    let credentials = (made.operator_email.as_str(), plain(&made.password));
    let refused = app.sign_in().by_password(credentials, None, &from([127, 0, 0, 1]), later).await;
    assert!(has_failed(&refused));
}
