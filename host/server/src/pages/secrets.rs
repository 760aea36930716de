//! `/secrets`: what scripts use and never read. No page ever shows a value.

use app::{App, SecretView};
use askama::Template;
use axum::extract::State;
use domain::{Permission, SecretName};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    visit::Visit,
};
use crate::web::extract::Params;

/// Secrets of one page.
const PAGE: u32 = 100;

/// From where on to show secrets.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SecretsQuery {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "tenant/secrets.html")]
struct SecretsPage {
    frame: Frame,
    secrets: Vec<SecretView>,
    next: Option<String>,
}

impl SecretsPage {
    fn may_write(&self) -> bool {
        self.frame.may(Permission::SecretsWrite)
    }
}

/// The secrets of the tenant.
pub(crate) async fn secrets_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(query): Params<SecretsQuery>,
) -> PageResult {
    let after = query.after.as_deref().map(SecretName::parse).transpose()?;
    let secrets = app.secrets().list(&principal, after.as_ref(), PAGE)?;
    let is_full = secrets.len() >= PAGE as usize;
    let next = secrets.last().filter(|_| is_full).map(|last| format!("/secrets?after={}", last.record.name));
    page(&SecretsPage { frame, secrets, next })
}
