//! What somebody presents to be known by: `<prefix>_<id>_<secret>`, id and secret in lower-case hexadecimal. The secret
//! has 256 random bits, so that one fast hash of it is what the database keeps.

use std::fmt;

use domain::{Actor, Principal, UnixMillis};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{App, AppError, sealing::hex};

const SECRET_BYTES: usize = 32;

/// A kind of what is presented: how its text begins, and what its hash is derived for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) prefix: &'static str,
    pub(crate) context: &'static str,
}

/// A session's cookie.
pub(crate) const SESSION: Form = Form { prefix: "ss", context: "skerry session v1: secret" };

/// A link by which a password is set once.
pub(crate) const PASSWORD_RESET: Form = Form { prefix: "pr", context: "skerry password reset v1: secret" };

/// What a sign-in at an identity provider is found again by, and what its browser keeps until then. The id of both is the
/// tenant's.
pub(crate) const OPENID_STATE: Form = Form { prefix: "os", context: "skerry openid v1: state" };
pub(crate) const OPENID_BROWSER: Form = Form { prefix: "ob", context: "skerry openid v1: browser" };

/// An API token of a tenant.
pub(crate) const API_TOKEN: Form = Form { prefix: "sk", context: "skerry api token v1: secret" };

/// A token of the deployment's own. It looks like any other, and its hash is another one's.
pub(crate) const OPERATOR_TOKEN: Form = Form { prefix: "sk", context: "skerry operator token v1: secret" };

/// A link by which somebody becomes a member of a tenant.
pub(crate) const INVITATION: Form = Form { prefix: "si", context: "skerry invitation v1: secret" };

/// What an unknown id is compared with, so that it takes as long as a known one. No secret has this hash that anybody
/// could find.
const NO_HASH: [u8; 32] = [0; 32];

/// An id with its secret. Shows the secret to nobody.
pub(crate) struct Presented {
    form: Form,
    id: Uuid,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Presented {
    /// A new secret for `id`.
    ///
    /// # Errors
    /// [`AppError::Internal`] where the system has no random bytes.
    pub(crate) fn generate(form: Form, id: Uuid) -> Result<Self, AppError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(AppError::internal)?;
        Ok(Self { form, id, secret })
    }

    /// Read a text. There is one way to write each: what differs in case or length is none.
    pub(crate) fn parse(form: Form, text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(form.prefix)?.strip_prefix('_')?.split_once('_')?;
        let mut id_bytes = [0; 16];
        let mut secret_bytes = Zeroizing::new([0; SECRET_BYTES]);
        hex::read(id.as_bytes(), &mut id_bytes)?;
        hex::read(secret.as_bytes(), secret_bytes.as_mut_slice())?;
        Some(Self { form, id: Uuid::from_bytes(id_bytes), secret: secret_bytes })
    }

    /// The id, which nothing has proven yet.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// The text that [`Self::parse`] reads.
    pub(crate) fn to_text(&self) -> String {
        format!("{}_{}_{}", self.form.prefix, self.id.simple(), *hex::write(self.secret.as_slice()))
    }

    /// What the database keeps.
    pub(crate) fn hash(&self) -> [u8; 32] {
        blake3::derive_key(self.form.context, self.secret.as_slice())
    }

    /// Whether the secret is the one that was kept as `hash`; takes as long where there is none.
    pub(crate) fn is_of(&self, hash: Option<&[u8]>) -> bool {
        let known = hash.unwrap_or(NO_HASH.as_slice());
        bool::from(self.hash().as_slice().ct_eq(known)) && hash.is_some()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("id", &self.id).finish_non_exhaustive()
    }
}

impl App {
    /// Whether whoever acts still may: the token or session was neither revoked nor has it ended, and no right was lost. At
    /// most half a second stale, so that what is sent on and on ends within a second (RULES 40).
    ///
    /// # Errors
    /// [`AppError::Internal`] where the database cannot be read.
    pub fn still_valid(&self, principal: &Principal) -> Result<bool, AppError> {
        let now = UnixMillis::now();
        match principal.actor {
            Actor::Token { token, .. } => self.tokens.lets(principal, token, now),
            Actor::Session { session, .. } => self.sessions.lets(principal, session, now),
            Actor::Local | Actor::PublicCaller | Actor::System => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_text_reads_back_and_only_in_its_own_form() {
        let made = Presented::generate(SESSION, Uuid::now_v7()).unwrap();
        let text = made.to_text();
        let read = Presented::parse(SESSION, &text).unwrap();
        assert_eq!(read.id(), made.id());
        assert!(read.is_of(Some(&made.hash())) && !read.is_of(None) && !read.is_of(Some(&[0; 32])));
        assert!(Presented::parse(PASSWORD_RESET, &text).is_none());
        for other in [text.to_uppercase(), format!("{text}0"), text.replace("ss_", "ss"), String::new()] {
            assert!(Presented::parse(SESSION, &other).is_none(), "{other}");
        }
        assert!(!format!("{made:?}").contains(text.rsplit('_').next().unwrap()));
    }
}
