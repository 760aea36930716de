//! `skerry token create`: a way in for whoever holds the data directory and its key, when no token is left.

use std::process::ExitCode;

use super::{fail, offline, print};
use crate::cli::CreateToken;

/// What a token that cannot be made ends with.
const NOT_MADE: u8 = 1;

pub(crate) fn create(arguments: &CreateToken) -> ExitCode {
    let made = offline(&arguments.data, async |app| match &arguments.tenant {
        Some(tenant) => Ok(app.operator_token(tenant).await?),
        None => Ok(app.deployment_token().await?),
    });
    match made {
        Ok(issued) => print(&format!("{}\n", issued.text)),
        Err(error) => fail(NOT_MADE, &error),
    }
}
