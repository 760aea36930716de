//! The REST API and the endpoints' listener, from outside: a server in this process, spoken to over its sockets.

mod audit;
mod bad_input;
mod bulk;
mod client;
mod conventions;
mod described;
mod egress;
mod endpoints;
mod events;
mod executions;
mod hooks;
mod logs;
mod matrix;
mod people;
mod problems;
mod schedules;
mod scripts;
mod secrets;
mod service_keys;
mod serving;
mod sign_in;
mod stage;
mod storage;
mod tokens;
mod types;
mod webhooks;
