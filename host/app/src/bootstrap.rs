//! The first start: somebody to be, a tenant to be in, scripts to look at, and a token to show once.
//!
//! Each step is done only where it is not done yet and the token comes last, so that a first start that was cut off is
//! finished by the next one.

use database::{Membership, MembershipStatus, NewTenant, Password, User};
use domain::{Actor, DisplayName, Operator, Permissions, Principal, TenantId, TenantSlug, TokenId, UnixMillis, UserId};

use crate::{App, AppError, CollectionSchema, IssuedToken, NewScriptInput, PlainPassword, ScriptRef, samples};

const OPERATOR_EMAIL: &str = "operator@localhost";

/// Slug and name of the first tenant, with samples and without.
const SAMPLE_TENANT: (&str, &str) = ("acme", "Acme");
const PLAIN_TENANT: (&str, &str) = ("main", "Main");

/// How long the first token is good for (RULES 42): long enough to look around and make one's own.
const TOKEN_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// Letters of the first password: those that nobody takes for another. Twenty of them are 99 bits.
const PASSWORD_LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
const PASSWORD_LENGTH: usize = 20;

/// What the first start made.
#[derive(Clone)]
pub struct Bootstrap {
    /// The tenant's name in addresses.
    pub tenant_slug: TenantSlug,
    /// The tenant.
    pub tenant: TenantId,
    /// Who runs the deployment, and is the tenant's first member.
    pub operator_email: String,
    /// An API token with every right in the tenant. It is there in full this one time.
    pub token: String,
    /// The password by which the operator signs in, to be changed then. It is there this one time, and ends with the
    /// token.
    pub password: String,
    /// When both end.
    pub token_expires_at: UnixMillis,
    /// Where a sample answers a `POST`, below the endpoints' listener; empty without samples.
    pub endpoint_path: String,
    /// A body for it, as JSON; empty without samples.
    pub sample_body: String,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tenant_slug, operator_email, token_expires_at, .. } = self;
        f.debug_struct("Bootstrap")
            .field("tenant_slug", tenant_slug)
            .field("operator_email", operator_email)
            .field("token_expires_at", token_expires_at)
            .finish_non_exhaustive()
    }
}

impl App {
    /// A token of the operator for a tenant, good for a day. Whoever can call this holds the data and its key already.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown tenant, or one that the operator is no member of.
    pub async fn operator_token(&self, tenant: &TenantSlug) -> Result<IssuedToken, AppError> {
        let found = self.inner.database.tenant_by_slug(tenant)?.ok_or(AppError::NotFound { what: "tenant" })?;
        let operator = self.inner.database.user_by_email(OPERATOR_EMAIL)?;
        let user = operator.ok_or(AppError::NotFound { what: "operator" })?.id;
        let expires_at = UnixMillis(UnixMillis::now().0 + TOKEN_LIFE_MS);
        let (id, name, all) = (TokenId::generate(), String::from("operator"), Permissions::all());
        self.tokens.issue(id, found.id, user, name, all, Some(expires_at)).await
    }

    /// A token of the deployment's own for the operator, good for a day. Whoever can call this holds the data and its key
    /// already.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no operator yet.
    pub async fn deployment_token(&self) -> Result<IssuedToken, AppError> {
        let operator = self.inner.database.user_by_email(OPERATOR_EMAIL)?;
        let user = operator.ok_or(AppError::NotFound { what: "operator" })?.id;
        let expires_at = UnixMillis(UnixMillis::now().0 + TOKEN_LIFE_MS);
        let (by, name) = (&Operator { actor: Actor::Local }, DisplayName::parse("name", "operator")?);
        self.operators.issue_token(by.into(), user, name, Some(expires_at)).await
    }

    /// Set up an empty installation: the operator, a tenant, and a token that lasts a day; with `samples` the tenant is
    /// `acme` with four scripts and a collection, else it is `main` and empty. Answers `None` where there is something
    /// already.
    ///
    /// # Errors
    /// Whatever keeps a step from being done; the next call goes on there.
    pub async fn bootstrap(&self, samples: bool) -> Result<Option<Bootstrap>, AppError> {
        if !self.is_untouched()? {
            return Ok(None);
        }
        let (slug, name) = if samples { SAMPLE_TENANT } else { PLAIN_TENANT };
        let slug = TenantSlug::parse(slug)?;
        let user = self.operator().await?;
        let tenant = self.tenant_with_member(&slug, name, user).await?;
        let token = TokenId::generate();
        if samples {
            let actor = Actor::Token { token, user };
            self.put_samples(&Principal { tenant, actor, permissions: Permissions::all() }).await?;
        }
        let token_expires_at = UnixMillis(UnixMillis::now().0 + TOKEN_LIFE_MS);
        let (name, all) = (String::from("bootstrap"), Permissions::all());
        let password = self.first_password(user, token_expires_at).await?;
        let issued = self.tokens.issue(token, tenant, user, name, all, Some(token_expires_at)).await?;
        let when_sampled = |text: String| if samples { text } else { String::new() };
        Ok(Some(Bootstrap {
            endpoint_path: when_sampled(format!("/{slug}{}", samples::ORDERS_PATH)),
            sample_body: when_sampled(samples::ORDER.to_owned()),
            tenant_slug: slug,
            tenant,
            operator_email: OPERATOR_EMAIL.to_owned(),
            token: issued.text,
            password,
            token_expires_at,
        }))
    }

    /// Give the operator a password that opens nothing but the way to another one, and that for a day (RULES 42).
    async fn first_password(&self, user: UserId, expires_at: UnixMillis) -> Result<String, AppError> {
        let text = random_letters()?;
        let hash = self.inner.passwords.hash(&PlainPassword::typed(text.clone())).await?;
        let password = Password { hash, set_at: UnixMillis::now(), must_change: true, expires_at: Some(expires_at) };
        self.inner.database.set_password(user, password, None).await?;
        Ok(text)
    }

    /// Whether there is nothing but what a first start that was cut off leaves: its tenant, without any token.
    fn is_untouched(&self) -> Result<bool, AppError> {
        let own = [SAMPLE_TENANT.0, PLAIN_TENANT.0];
        for tenant in self.inner.database.list_tenants(None, 3)? {
            if !own.contains(&tenant.slug.as_str()) || !self.inner.database.list_tokens(tenant.id)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) async fn operator(&self) -> Result<UserId, AppError> {
        if let Some(user) = self.inner.database.user_by_email(OPERATOR_EMAIL)? {
            return Ok(user.id);
        }
        let user = User {
            id: UserId::generate(),
            email: OPERATOR_EMAIL.to_owned(),
            name: String::from("Operator"),
            is_operator: true,
            created_at: UnixMillis::now(),
        };
        let id = user.id;
        self.inner.database.create_user(user).await?;
        Ok(id)
    }

    /// The tenant with this slug, made where it is not there, with a member who may do everything.
    pub(crate) async fn tenant_with_member(
        &self,
        slug: &TenantSlug,
        name: &str,
        member: UserId,
    ) -> Result<TenantId, AppError> {
        let created_at = UnixMillis::now();
        let id = match self.inner.database.tenant_by_slug(slug)? {
            Some(tenant) => tenant.id,
            None => {
                let id = TenantId::generate();
                let sealed_key = self.inner.keyring.wrap_new(id).map_err(AppError::internal)?;
                let (slug, name) = (slug.clone(), name.to_owned());
                let tenant = NewTenant { id, slug, name, sealed_key, limits: None, created_at };
                self.inner.database.create_tenant(tenant).await?;
                id
            }
        };
        let (permissions, status) = (Permissions::all(), MembershipStatus::Active);
        let membership = Membership { user: member, permissions, status, created_at };
        self.inner.database.put_membership(id, membership).await?;
        self.inner.ensure_collections(id).await?;
        Ok(id)
    }

    async fn put_samples(&self, principal: &Principal) -> Result<(), AppError> {
        let tenant = principal.tenant;
        // An operator's own collection of that name stays as it is configured.
        if !self.inner.collections.is_configured(samples::PRODUCTS) {
            let schema = CollectionSchema::parse(samples::PRODUCTS_SCHEMA).map_err(AppError::internal)?;
            self.inner.ensure_collection(tenant, samples::PRODUCTS, &schema).await?;
            for document in samples::products()? {
                self.inner.put_document(tenant, samples::PRODUCTS, &schema, document).await?;
            }
        }
        for script in samples::scripts()? {
            self.put_sample(principal, script).await?;
        }
        Ok(())
    }

    async fn put_sample(&self, principal: &Principal, input: NewScriptInput) -> Result<(), AppError> {
        let script = ScriptRef::Name(input.name.clone());
        let saved = match self.scripts.get(principal, &script) {
            Err(AppError::NotFound { .. }) => self.scripts.create(principal, input).await?,
            saved => saved?,
        };
        if saved.script.summary.deployed.is_none() {
            let summary = String::from("The sample as it comes");
            self.scripts.deploy(principal, &script, None, summary).await?;
        }
        Ok(())
    }
}

/// Letters that nobody chose, in groups of five.
fn random_letters() -> Result<String, AppError> {
    let mut text = String::with_capacity(PASSWORD_LENGTH * 6 / 5);
    let mut drawn = 0;
    while drawn < PASSWORD_LENGTH {
        let mut byte = [0];
        getrandom::fill(&mut byte).map_err(AppError::internal)?;
        // The last eight of 256 would make some letters likelier.
        let letter = PASSWORD_LETTERS.get(usize::from(byte[0]) % PASSWORD_LETTERS.len());
        let Some(letter) = letter.filter(|_| byte[0] < 248) else { continue };
        if drawn > 0 && drawn % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(*letter));
        drawn += 1;
    }
    Ok(text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::AppConfig;

    #[tokio::test]
    async fn the_first_start_leaves_four_deployed_scripts_and_a_token_that_lasts_a_day() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let made = app.bootstrap(true).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        assert_eq!((principal.tenant, principal.permissions), (made.tenant, Permissions::all()));
        let scripts = app.scripts().list(&principal, None, None, 10).unwrap();
        let names: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["backfill-totals", "daily-report", "order-received", "order-rules"]);
        for script in scripts {
            assert_eq!(script.deployed.unwrap().deployed_by, principal.user(), "{}", script.name);
        }
        let hours = (made.token_expires_at.0 - UnixMillis::now().0).div_euclid(3_600_000);
        assert!((23..=24).contains(&hours));
        assert!(!format!("{made:?}").contains(&made.token));
    }

    #[tokio::test]
    async fn an_installation_is_set_up_once() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        assert_eq!(made.tenant_slug.as_str(), "main");
        assert!(made.endpoint_path.is_empty() && made.sample_body.is_empty());
        let principal = app.tokens().authenticate(&made.token).unwrap();
        assert!(app.scripts().list(&principal, None, None, 10).unwrap().is_empty());
        assert!(app.bootstrap(false).await.unwrap().is_none());
        assert!(app.bootstrap(true).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_first_start_that_was_cut_off_is_finished_by_the_next() {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let slug = TenantSlug::parse(SAMPLE_TENANT.0).unwrap();
        let user = app.operator().await.unwrap();
        let tenant = app.tenant_with_member(&slug, "Acme", user).await.unwrap();
        let actor = Actor::Token { token: TokenId::generate(), user };
        let principal = Principal { tenant, actor, permissions: Permissions::all() };
        let [first, ..] = samples::scripts().unwrap();
        app.scripts().create(&principal, first).await.unwrap();

        let made = app.bootstrap(true).await.unwrap().unwrap();
        assert_eq!(made.tenant, tenant);
        let scripts = app.scripts().list(&principal, None, None, 10).unwrap();
        assert_eq!(scripts.iter().filter(|script| script.deployed.is_some()).count(), 4);
        assert!(app.bootstrap(true).await.unwrap().is_none());
    }
}
