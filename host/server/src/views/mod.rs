//! The shapes of the API's JSON: what a request may say, and what an answer says.
//!
//! Requests become the application's types here, with every mistake named by its field; answers are made from the
//! application's types. Nothing else knows these shapes.

pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod capabilities;
pub(crate) mod dead_letters;
pub(crate) mod diagnostics;
pub(crate) mod diffs;
pub(crate) mod docs;
pub(crate) mod documents;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod limits;
pub(crate) mod operators;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod providers;
pub(crate) mod replays;
pub(crate) mod schedules;
pub(crate) mod scripts;
pub(crate) mod secrets;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod storage;
pub(crate) mod streams;
pub(crate) mod subscriptions;
pub(crate) mod trials;
pub(crate) mod versions;
pub(crate) mod webhooks;
pub(crate) mod words;
