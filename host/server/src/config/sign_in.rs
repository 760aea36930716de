//! What the configuration says of signing in.

use std::time::Duration;

use app::SignInConfig as AppSignIn;

/// How people sign in.
#[derive(Clone, Debug, confique::Config)]
pub struct SignInConfig {
    /// Minutes for which a session may go unused, from 5 to 1440.
    #[config(default = 30)]
    pub idle_minutes: u32,

    /// Hours for which a session lasts however much it is used, from 1 to 720.
    #[config(default = 12)]
    pub session_hours: u32,
}

impl SignInConfig {
    pub(super) fn app(&self) -> AppSignIn {
        AppSignIn {
            idle: Duration::from_secs(u64::from(self.idle_minutes) * 60),
            absolute: Duration::from_secs(u64::from(self.session_hours) * 60 * 60),
        }
    }
}
