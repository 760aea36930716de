//! The description of the script API (`wit/script-api/`) against what it describes: the contract, the guest, the
//! compiler, and the files that are made from it.

mod contract;
mod generated;
mod guest;
mod tenants;
