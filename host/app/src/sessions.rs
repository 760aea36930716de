//! Sessions of people who signed in: who presents which, what it may do now, and how it ends.
//!
//! A session is a person's and not a tenant's: that person and the operator see and end it, nobody else (RULES 16). It
//! acts in one tenant at a time.

use std::{fmt::Display, sync::Arc, time::Duration};

use database::{Database, DatabaseError, NewSession, Session, SessionGrant, SignInMethod, TenantOfUser, User};
use domain::{Actor, AuditAction, Operator, Principal, SessionId, TenantId, TenantSlug, UnixMillis, UserId};
use moka::sync::Cache;

use crate::{
    AppError, Inner,
    audit::AuditSubject,
    presented::{self, Presented},
    sign_in::Visitor,
};

/// How old a session's rights may be. RULES 14 allows a second for the whole way from the change to the refusal.
const STALE_MAX: Duration = Duration::from_millis(500);

/// How many sessions' rights are kept at once.
const GRANTS_MAX: u64 = 10_000;

/// The most characters of what a browser calls itself.
const DEVICE_CHARACTERS_MAX: usize = 200;

/// Who presents which session.
#[derive(Clone)]
pub struct SessionService {
    inner: Arc<Inner>,
    pub(crate) grants: Cache<SessionId, Arc<SessionGrant>>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    grant: Arc<SessionGrant>,
}

/// Who somebody is that is signed in.
#[derive(Clone, Debug)]
pub struct PersonDetails {
    /// The person.
    pub user: User,
    /// The tenants that the session could act in, by their names in addresses.
    pub tenants: Vec<TenantOfUser>,
}

/// A session that was made, or was given another secret. This is the only time that its text is there.
pub struct IssuedSession {
    /// The session.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What the browser keeps.
    pub text: String,
    /// When it ends at the latest.
    pub expires_at: UnixMillis,
}

impl std::fmt::Debug for IssuedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedSession").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SessionService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionService").finish_non_exhaustive()
    }
}

/// For whom a session is opened, and where it acts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) user: UserId,
    pub(crate) method: SignInMethod,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) is_confined: bool,
}

impl Person {
    /// The session.
    pub fn session(&self) -> SessionId {
        self.grant.session
    }

    /// Who it is.
    pub fn user(&self) -> UserId {
        self.grant.user
    }

    /// The tenant that is chosen, whether or not the person may still act there.
    pub fn tenant(&self) -> Option<TenantId> {
        self.grant.tenant
    }

    /// How the person signed in.
    pub fn method(&self) -> SignInMethod {
        self.grant.method
    }

    /// Whether the password is to be changed before anything else.
    pub fn must_change_password(&self) -> bool {
        self.grant.must_change_password
    }

    /// Whether the session is for its tenant alone (RULES 17).
    pub fn is_confined(&self) -> bool {
        self.grant.is_confined
    }

    /// When the session ends at the latest.
    pub fn expires_at(&self) -> UnixMillis {
        self.grant.expires_at
    }

    /// Who acts in the tenant that is chosen.
    ///
    /// # Errors
    /// [`AppError::PasswordChangeRequired`]; [`AppError::TenantSuspended`]; [`AppError::NoTenant`] where the person is no
    /// member of an active one.
    pub fn principal(&self) -> Result<Principal, AppError> {
        let grant = &self.grant;
        if grant.must_change_password {
            return Err(AppError::PasswordChangeRequired);
        }
        if let Some(reason) = &grant.suspended {
            return Err(AppError::TenantSuspended { reason: reason.clone() });
        }
        let tenant = grant.tenant.filter(|_| grant.acts_in_tenant).ok_or(AppError::NoTenant)?;
        Ok(Principal { tenant, actor: self.actor(), permissions: grant.permissions })
    }

    /// The operator that the person is. By an identity of a tenant nobody is one, whoever it is (RULES 17).
    ///
    /// # Errors
    /// [`AppError::PasswordChangeRequired`], [`AppError::NotOperator`].
    pub fn operator(&self) -> Result<Operator, AppError> {
        let grant = &self.grant;
        if grant.must_change_password {
            return Err(AppError::PasswordChangeRequired);
        }
        let is_own = grant.method == SignInMethod::Password && !grant.is_confined;
        if grant.is_operator && is_own { Ok(Operator { actor: self.actor() }) } else { Err(AppError::NotOperator) }
    }

    fn actor(&self) -> Actor {
        Actor::Session { session: self.grant.session, user: self.grant.user }
    }
}

impl SessionService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, grants: Cache::builder().max_capacity(GRANTS_MAX).time_to_live(STALE_MAX).build() }
    }

    /// Who presents `text`, with the rights of now. It counts as being used.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`], whatever the reason: none, an unknown one, a wrong secret, one that ended.
    pub fn authenticate(&self, text: &str, now: UnixMillis) -> Result<Person, AppError> {
        let presented = Presented::parse(presented::SESSION, text).ok_or(AppError::Unauthenticated)?;
        let id = SessionId::from(presented.id());
        let (grant, is_fresh) = match self.grants.get(&id) {
            Some(grant) => (Some(grant), false),
            None => (self.load(id)?, true),
        };
        let is_right = presented.is_of(grant.as_ref().map(|grant| grant.secret_hash.as_slice()));
        let grant = grant.filter(|grant| is_right && self.is_live(grant, now)).ok_or(AppError::Unauthenticated)?;
        if is_fresh {
            self.inner.database.touch_session(&grant, now);
        }
        Ok(Person { grant })
    }

    /// Whether a session still lets `principal` act in its tenant with all of its rights, at most half a second stale. It
    /// does not count as being used.
    pub(crate) fn lets(&self, principal: &Principal, session: SessionId, now: UnixMillis) -> Result<bool, AppError> {
        let grant = match self.grants.get(&session) {
            Some(grant) => Some(grant),
            None => self.load(session)?,
        };
        Ok(grant.is_some_and(|grant| {
            let is_same = Some(grant.user) == principal.user() && grant.tenant == Some(principal.tenant);
            is_same && self.is_live(&grant, now) && grant.permissions.contains_all(principal.permissions)
        }))
    }

    /// Open a session, in place of the one that the browser had.
    pub(crate) async fn open(
        &self,
        opening: Opening,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let id = SessionId::generate();
        let presented = Presented::generate(presented::SESSION, id.uuid())?;
        let expires_at = UnixMillis(now.0.saturating_add(millis(self.inner.config.sign_in.absolute)));
        let Opening { user, method, tenant, is_confined } = opening;
        let replaced = visitor.session.as_deref().and_then(|text| self.authenticate(text, now).ok());
        let session = NewSession {
            id,
            user,
            secret_hash: presented.hash().to_vec(),
            method,
            tenant,
            is_confined,
            device: clamped(&visitor.device),
            address: visitor.address.to_string(),
            created_at: now,
            expires_at,
        };
        let replaced = replaced.map(|person| (person.session(), person.user()));
        // A person's own sign-in is the deployment's matter; by an identity of a tenant it is that tenant's.
        let by = AuditSubject { tenant: tenant.filter(|_| is_confined), actor: Actor::Session { session: id, user } };
        let detail = serde_json::json!({ "method": method.as_str() });
        let audited = self.inner.audited_with(by, AuditAction::SessionsCreate, id, &detail);
        audited.create_session(session, replaced).await?;
        if let Some((replaced, _)) = replaced {
            self.grants.invalidate(&replaced);
        }
        Ok(IssuedSession { id, user, text: presented.to_text(), expires_at })
    }

    /// Act in another tenant of the person's from now on. The session's secret changes with its rights.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a tenant that the person does not belong to, whether or not it is there.
    pub async fn choose_tenant(&self, person: &Person, slug: &TenantSlug) -> Result<IssuedSession, AppError> {
        let missing = || AppError::NotFound { what: "tenant that you belong to" };
        let tenant = self.inner.database.tenant_by_slug(slug)?.ok_or_else(missing)?.id;
        let is_elsewhere = person.is_confined() && person.tenant() != Some(tenant);
        let tenants = self.inner.database.tenants_of_user(person.user())?;
        let is_member = tenants.iter().any(|own| own.tenant == tenant);
        if is_elsewhere || !is_member {
            return Err(missing());
        }
        self.rotate(person, Some(tenant)).await
    }

    /// Give the session another secret: what it may do has changed.
    pub(crate) async fn rotate(&self, person: &Person, tenant: Option<TenantId>) -> Result<IssuedSession, AppError> {
        let grant = &person.grant;
        let presented = Presented::generate(presented::SESSION, grant.session.uuid())?;
        let rotated = self.inner.database.rotate_session((**grant).clone(), presented.hash().to_vec(), tenant).await;
        self.grants.invalidate(&grant.session);
        match rotated {
            Err(DatabaseError::NotFound) => Err(AppError::Unauthenticated),
            rotated => {
                rotated?;
                let (id, user, expires_at) = (grant.session, grant.user, grant.expires_at);
                Ok(IssuedSession { id, user, text: presented.to_text(), expires_at })
            }
        }
    }

    /// Who it is that is signed in, and where that person could act.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn describe(&self, person: &Person) -> Result<PersonDetails, AppError> {
        let user = self.inner.database.user(person.user())?;
        let mut tenants = self.inner.database.tenants_of_user(person.user())?;
        tenants.retain(|own| !person.is_confined() || Some(own.tenant) == person.tenant());
        Ok(PersonDetails { user, tenants })
    }

    /// The person's sessions that live, the last used first.
    pub fn list(&self, person: &Person, now: UnixMillis) -> Result<Vec<Session>, AppError> {
        self.of_user(person.user(), now)
    }

    /// End one of the person's sessions, maybe the one that asks. Within a second nothing accepts it any more.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also for somebody else's.
    pub async fn end(&self, person: &Person, id: SessionId) -> Result<(), AppError> {
        let ended = self.audited(person, AuditAction::SessionsRevoke, id).end_session(person.user(), id).await;
        self.grants.invalidate(&id);
        ended.map_err(|error| AppError::missing("session", error))
    }

    /// End all of the person's sessions but the one that asks; answers how many.
    pub async fn end_others(&self, person: &Person) -> Result<usize, AppError> {
        let audited = self.audited(person, AuditAction::SessionsRevoke, person.user());
        Ok(audited.end_sessions(person.user(), Some(person.session())).await?)
    }

    /// Anybody's sessions, for an operator.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown person.
    pub fn list_of(&self, _operator: &Operator, user: UserId, now: UnixMillis) -> Result<Vec<Session>, AppError> {
        self.inner.database.user(user).map_err(|error| AppError::missing("user", error))?;
        self.of_user(user, now)
    }

    /// End every session of somebody, as an operator; answers how many.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown person.
    pub async fn end_all_of(&self, operator: &Operator, user: UserId) -> Result<usize, AppError> {
        self.inner.database.user(user).map_err(|error| AppError::missing("user", error))?;
        let audited = self.inner.audited(operator, AuditAction::SessionsRevoke, user);
        Ok(audited.end_sessions(user, None).await?)
    }

    /// A handle whose next write is told in the audit log as the person's.
    pub(crate) fn audited(&self, person: &Person, action: AuditAction, object: impl Display) -> Database {
        let tenant = person.tenant().filter(|_| person.is_confined());
        self.inner.audited(AuditSubject { tenant, actor: person.actor() }, action, object)
    }

    fn of_user(&self, user: UserId, now: UnixMillis) -> Result<Vec<Session>, AppError> {
        let mut sessions = self.inner.database.list_sessions(user)?;
        sessions.retain(|session| self.is_within(session.last_seen_at, session.expires_at, now));
        Ok(sessions)
    }

    fn is_live(&self, grant: &SessionGrant, now: UnixMillis) -> bool {
        !grant.is_disabled && self.is_within(grant.last_seen_at, grant.expires_at, now)
    }

    fn is_within(&self, last_seen_at: UnixMillis, expires_at: UnixMillis, now: UnixMillis) -> bool {
        now < expires_at && now.0.saturating_sub(last_seen_at.0) < millis(self.inner.config.sign_in.idle)
    }

    /// Read what a session stands for, and keep it for a moment. Unknown ids are not kept: they would crowd out others.
    fn load(&self, id: SessionId) -> Result<Option<Arc<SessionGrant>>, AppError> {
        let grant = self.inner.database.session_by_id(id)?.map(Arc::new);
        if let Some(grant) = &grant {
            self.grants.insert(id, Arc::clone(grant));
        }
        Ok(grant)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What a browser calls itself, as far as it is fit to be read in a list.
fn clamped(device: &str) -> String {
    device.chars().filter(|letter| (' '..='~').contains(letter)).take(DEVICE_CHARACTERS_MAX).collect()
}
