//! `/settings`: the hosts that the tenant's scripts may reach, and the identity providers by which its members sign in.

use app::{App, EgressSettings, IdentityProvider};
use askama::Template;
use axum::extract::State;
use domain::Permission;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    visit::Visit,
};

#[derive(Template)]
#[template(path = "tenant/settings.html")]
struct SettingsPage {
    frame: Frame,
    egress: Option<EgressSettings>,
    providers: Option<Vec<IdentityProvider>>,
    callback: &'static str,
}

impl SettingsPage {
    fn may_write(&self) -> bool {
        self.frame.may(Permission::SettingsWrite)
    }

    /// The tenant's own hosts, one a line.
    fn hosts(&self, egress: &EgressSettings) -> String {
        egress.hosts.as_deref().unwrap_or_default().join("\n")
    }
}

/// The tenant's settings, as far as the person may see them.
pub(crate) async fn settings_page(State(app): State<App>, Visit { principal, frame }: Visit) -> PageResult {
    let egress = frame.may(Permission::SettingsRead).then(|| app.egress().get(&principal)).transpose()?;
    let providers = frame.may(Permission::SignInManage).then(|| app.providers().list(&principal)).transpose()?;
    page(&SettingsPage { frame, egress, providers, callback: app.providers().callback_path() })
}
