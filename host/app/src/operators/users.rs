//! Users: made, renamed, disabled and made operators by operators alone (RULES 16).

use database::{DatabaseError, TenantOfUser, User, UserAccount, UserChange};
use domain::{AuditAction, DisplayName, EmailAddress, Operator, UnixMillis, UserId};
use serde_json::json;

use super::{OperatorService, PAGE_MAX};
use crate::AppError;

/// A user to be made. How that person signs in is another matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUserInput {
    /// The address.
    pub email: EmailAddress,
    /// The name.
    pub name: DisplayName,
    /// Whether this person runs the deployment.
    pub is_operator: bool,
}

/// A change of a user; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// The address.
    pub email: Option<EmailAddress>,
    /// The name.
    pub name: Option<DisplayName>,
    /// Whether this person runs the deployment.
    pub is_operator: Option<bool>,
    /// Whether this person may do nothing, anywhere.
    pub is_disabled: Option<bool>,
}

/// A user, as operators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// The user.
    pub account: UserAccount,
    /// Where the person belongs.
    pub tenants: Vec<TenantOfUser>,
}

impl OperatorService {
    /// A page of users behind `after`, in the order in which they were made.
    ///
    /// # Errors
    /// Only what a read can always fail by.
    pub fn users(&self, _operator: &Operator, after: Option<UserId>, limit: u32) -> Result<Vec<UserAccount>, AppError> {
        Ok(self.inner.database.list_user_accounts(after, limit.min(PAGE_MAX))?)
    }

    /// One user.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn user(&self, _operator: &Operator, id: UserId) -> Result<UserView, AppError> {
        let account = self.inner.database.user_account(id).map_err(of_user)?;
        Ok(UserView { account, tenants: self.inner.database.tenants_of_user(id)? })
    }

    /// Make a user, who belongs to no tenant and signs in by nothing yet.
    ///
    /// # Errors
    /// [`AppError::NameTaken`] where somebody has the address.
    pub async fn create_user(&self, operator: &Operator, input: NewUserInput) -> Result<UserView, AppError> {
        let user = User {
            id: UserId::generate(),
            email: input.email.to_string(),
            name: input.name.to_string(),
            is_operator: input.is_operator,
            created_at: UnixMillis::now(),
        };
        let id = user.id;
        let detail = json!({ "is_operator": user.is_operator });
        let database = self.inner.audited_with(operator, AuditAction::UsersCreate, id, &detail);
        match database.create_user(user).await {
            Err(DatabaseError::NameTaken) => Err(AppError::NameTaken { name: input.email.to_string() }),
            made => {
                made?;
                self.user(operator, id)
            }
        }
    }

    /// Change a user. One who is disabled holds nothing anywhere within a second, and what lived by that person's rights
    /// pauses.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::NameTaken`] for somebody else's address; [`AppError::Refused`] for the last
    /// operator.
    pub async fn change_user(&self, operator: &Operator, id: UserId, patch: UserPatch) -> Result<UserView, AppError> {
        let before = self.inner.database.user_account(id).map_err(of_user)?;
        let disabled_at = patch.is_disabled.map(|is_disabled| match before.disabled_at {
            Some(at) if is_disabled => Some(at),
            _ => is_disabled.then(UnixMillis::now),
        });
        let email = patch.email.map(|email| email.to_string());
        let change = UserChange {
            email: email.clone(),
            name: patch.name.map(|name| name.to_string()),
            is_operator: patch.is_operator,
            disabled_at,
        };
        let detail = json!({ "is_operator": patch.is_operator, "is_disabled": patch.is_disabled });
        let database = self.inner.audited_with(operator, AuditAction::UsersUpdate, id, &detail);
        match database.change_user(id, change).await {
            Err(DatabaseError::NameTaken) => Err(AppError::NameTaken { name: email.unwrap_or_default() }),
            changed => {
                changed.map_err(of_user)?;
                self.grants.invalidate_all();
                self.user(operator, id)
            }
        }
    }
}

fn of_user(error: DatabaseError) -> AppError {
    AppError::missing("user", error)
}
