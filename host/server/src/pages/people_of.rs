//! What people are called on pages.

use app::Names;
use domain::{Principal, UserId};

/// Somebody, as whoever looks knows them.
pub(super) fn person(names: &Names, principal: &Principal, user: UserId) -> String {
    if principal.user() == Some(user) {
        return String::from("you");
    }
    names.person(user).map_or_else(|| String::from("another member"), str::to_owned)
}
