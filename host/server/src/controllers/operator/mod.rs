//! `/operator`: what whoever runs the deployment does. Anybody else is refused here, whatever the path names.

pub(crate) mod health;
pub(crate) mod plans;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod users;
