//! Requests that come back: a script of this deployment asks this deployment, and what that starts goes on with the
//! script's chain until the chain is too long (RULES 35).

use domain::{Lineage, UnixMillis, lineage::BUDGET};

use crate::{App, AppError, Inner, egress};

/// The chain that a request goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub(crate) Lineage);

impl Chain {
    /// The header that carries it, in lower case. Requests may come with any text in it: only what this deployment
    /// sealed is read.
    pub const HEADER: &str = egress::LINEAGE;
}

impl App {
    /// The chain that a request with this header goes on with, counted; `None` where the header is none of this
    /// deployment's.
    ///
    /// # Errors
    /// [`AppError::ChainTooLong`] past sixteen hops, and past a thousand requests of one chain.
    pub async fn continue_chain(&self, header: &str) -> Result<Option<Chain>, AppError> {
        self.inner.continue_chain(header).await
    }
}

impl Inner {
    /// As [`App::continue_chain`].
    pub(crate) async fn continue_chain(&self, header: &str) -> Result<Option<Chain>, AppError> {
        let Some(lineage) = self.keyring.open_lineage(header) else { return Ok(None) };
        let next = lineage.next().ok_or(AppError::ChainTooLong)?;
        let continued = self.database.continue_lineage(next, UnixMillis::now()).await?;
        if continued > BUDGET { Err(AppError::ChainTooLong) } else { Ok(Some(Chain(next))) }
    }
}
