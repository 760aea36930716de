//! A server's REST API seen from outside: what the command line speaks to.
//!
//! Nothing here knows a command. A credential belongs to one server and is sent to no other (RULES 41): the address that it
//! was kept under is the only one that it is read for, and no redirect is followed.

mod address;
mod client;
mod credentials;
mod error;
mod events;
mod pages;
mod wire;

pub(crate) use address::ServerAddress;
pub(crate) use client::{Answer, Call, Client};
pub(crate) use credentials::{Credentials, CredentialsError, Token};
pub(crate) use error::{CallError, Problem};
pub(crate) use events::{Event, Events};
pub(crate) use pages::{Page, items};
