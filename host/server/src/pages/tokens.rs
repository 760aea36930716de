//! `/tokens`: by what programs act for the person, and for an admin by what they act for anybody.

use app::{App, Token};
use askama::Template;
use axum::extract::State;
use domain::Permission;
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    visit::Visit,
    words::Badge,
};
use crate::web::extract::Params;

/// Tokens of one page.
const PAGE: u32 = 100;

/// From where on to show tokens.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TokensQuery {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "tenant/tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<Token>,
    next: Option<String>,
    permissions: &'static [Permission],
}

impl TokensPage {
    fn may_make(&self) -> bool {
        self.frame.may(Permission::TokensManage)
    }

    fn state(&self, token: &Token) -> Badge {
        let (class, icon, word) = match (token.revoked_at, token.expires_at) {
            (Some(_), _) => ("neutral", "ban", "Revoked"),
            (None, Some(expires)) if expires <= self.frame.now => ("neutral", "clock", "Expired"),
            _ => ("success", "circle-check", "Active"),
        };
        Badge { class, icon, word }
    }

    fn scopes(&self, token: &Token) -> usize {
        Permission::ALL.iter().filter(|permission| token.permissions.contains(**permission)).count()
    }

    fn scope_names(&self, token: &Token) -> String {
        let held = Permission::ALL.iter().filter(|permission| token.permissions.contains(**permission));
        held.map(|permission| permission.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// The tokens.
pub(crate) async fn tokens_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(query): Params<TokensQuery>,
) -> PageResult {
    let tokens =
        app.tokens().list(&principal, None, query.after.as_deref().and_then(|after| after.parse().ok()), PAGE)?;
    let is_full = tokens.len() >= PAGE as usize;
    let next = tokens.last().filter(|_| is_full).map(|last| format!("/tokens?after={}", last.id));
    page(&TokensPage { frame, tokens, next, permissions: Permission::ALL })
}
