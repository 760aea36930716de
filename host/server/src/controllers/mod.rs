//! One function for each operation of the API: take the request apart, know who acts, ask the application, answer JSON.
#![expect(unused_qualifications, reason = "utoipa's macros qualify the types of parameters")]

pub(crate) mod audit;
pub(crate) mod dead_letters;
pub(crate) mod docs;
pub(crate) mod drafts;
pub(crate) mod egress;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod inference;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod members;
pub(crate) mod operator;
pub(crate) mod providers;
pub(crate) mod replays;
pub(crate) mod roles;
pub(crate) mod runs;
pub(crate) mod schedules;
pub(crate) mod scripts;
pub(crate) mod secrets;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_in_elsewhere;
pub(crate) mod storage;
pub(crate) mod subscriptions;
pub(crate) mod tokens;
pub(crate) mod trials;
pub(crate) mod types;
pub(crate) mod usage;
pub(crate) mod versions;
pub(crate) mod webhooks;
