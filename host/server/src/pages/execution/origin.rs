//! What started an execution, and the page that tells more of that.

use app::{App, AppError};
use domain::{Permission, Principal, Trigger};

use super::{
    super::words::{self, Badge},
    Read,
};

/// What started it.
pub(super) struct Origin {
    pub(super) badge: Badge,
    /// Where more of it stands: the words and the address.
    pub(super) link: Option<(String, String)>,
}

/// What started the execution.
///
/// # Errors
/// Whatever the server fails with.
pub(super) fn of(app: &App, principal: &Principal, read: &Read) -> Result<Origin, AppError> {
    let execution = &read.view.execution;
    let script = execution.script;
    let link = match execution.trigger {
        Trigger::Event if principal.permissions.contains(Permission::EventsRead) => {
            let delivery = app.events().delivery_to(principal, execution.id)?;
            delivery.map(|delivery| (String::from("its event"), format!("/events/{}", delivery.position)))
        }
        Trigger::Cron if read.script.is_some() => {
            Some((String::from("the script's schedules"), format!("/schedules?script={script}")))
        }
        Trigger::Endpoint if read.script.is_some() => {
            Some((String::from("the endpoint"), format!("/endpoints/{script}")))
        }
        Trigger::Embedded if read.script.is_some() => Some((String::from("the hooks"), String::from("/hooks"))),
        _ => None,
    };
    Ok(Origin { badge: words::trigger(&execution.trigger), link })
}
