//! Commands that speak to a server, over its REST API alone.

pub(crate) mod api;
pub(crate) mod dead_letters;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod follow;
pub(crate) mod frames;
pub(crate) mod lists;
pub(crate) mod login;
mod many;
pub(crate) mod operator;
pub(crate) mod output;
pub(crate) mod people;
pub(crate) mod schedules;
pub(crate) mod secrets;
pub(crate) mod session;
pub(crate) mod storage;
pub(crate) mod webhooks;

pub(crate) use session::{CliError, Done, Noun, Remote, Session, codes, with_session};
