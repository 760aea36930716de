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
    /// deployment's, or older than a day.
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
        let now = UnixMillis::now();
        let Some(lineage) = self.keyring.open_lineage(header, now) else { return Ok(None) };
        let next = lineage.next().ok_or(AppError::ChainTooLong)?;
        // A chain that is at its end costs no write, however often somebody repeats its header.
        if self.database.lineage_continued(next, now)? >= BUDGET {
            return Err(AppError::ChainTooLong);
        }
        let continued = self.database.continue_lineage(next, now).await?;
        if continued > BUDGET { Err(AppError::ChainTooLong) } else { Ok(Some(Chain(next))) }
    }
}
