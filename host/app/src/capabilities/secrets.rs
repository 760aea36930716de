//! `secrets`: use of what a script can never read.

use runtime::{HmacAlgorithm, Secret};

use super::{Reach, unsupported};
use crate::transaction::CallOutcome;

impl Reach {
    pub(super) fn secret_check(&self, _name: &str) -> CallOutcome {
        unsupported("secrets")
    }

    pub(super) fn secret_hmac(&self, _key: &Secret, _algorithm: HmacAlgorithm, _data: &[u8]) -> CallOutcome {
        unsupported("secrets")
    }

    pub(super) fn secret_hmac_verify(
        &self,
        _key: &Secret,
        _algorithm: HmacAlgorithm,
        _data: &[u8],
        _signature: &[u8],
    ) -> CallOutcome {
        unsupported("secrets")
    }
}
