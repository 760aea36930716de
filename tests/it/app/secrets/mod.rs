//! Secrets, from a script's side: what one can do with a handle, and what nobody can (RULES 6, 22–26).

mod handles;
mod keeping;
mod outside;
mod placing;
mod scrubbing;
mod stage;
