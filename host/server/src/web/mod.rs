//! What all controllers share: problems, bodies, who calls, entity tags, cursors, and the layers around the routers.

pub mod access;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod chain;
pub(crate) mod cookies;
pub(crate) mod cross_site;
pub(crate) mod cursor;
pub(crate) mod described;
pub(crate) mod error;
pub(crate) mod etag;
pub(crate) mod events;
pub(crate) mod examples;
pub(crate) mod extract;
pub(crate) mod hosts;
pub(crate) mod layers;
pub(crate) mod named;
mod objects;
pub(crate) mod overload;
pub(crate) mod peer;
pub(crate) mod problem;
pub(crate) mod responses;
