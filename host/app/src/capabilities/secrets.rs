//! `secrets`: use of what a script can never read. Placing one in a request is `http`'s.

use hmac::{Hmac, KeyInit, Mac};
use runtime::{Answer, CallError, HmacAlgorithm, Secret};
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::Reach;
use crate::{secrets::Usable, transaction::CallOutcome};

impl Reach {
    pub(super) fn secret_check(&self, name: &str) -> CallOutcome {
        Usable::resolve(self, "secrets.get", name).map(|_| Answer::Nothing)
    }

    pub(super) fn secret_hmac(&self, key: &Secret, algorithm: HmacAlgorithm, data: &[u8]) -> CallOutcome {
        self.signature("secret.hmac", key, algorithm, data).map(Answer::Bytes)
    }

    pub(super) fn secret_hmac_verify(
        &self,
        key: &Secret,
        algorithm: HmacAlgorithm,
        data: &[u8],
        signature: &[u8],
    ) -> CallOutcome {
        let right = self.signature("secret.verify", key, algorithm, data)?;
        // Lengths are public: they are the algorithm's.
        Ok(Answer::Truth(bool::from(right.as_slice().ct_eq(signature))))
    }

    fn signature(&self, what: &str, key: &Secret, algorithm: HmacAlgorithm, data: &[u8]) -> Result<Vec<u8>, CallError> {
        if key.format != "{}" {
            let message = format!("{what}: a handle that was formatted is no key: use the one of secrets.get");
            return Err(CallError::InvalidArgument(message));
        }
        let secret = Usable::resolve(self, what, &key.name)?;
        let bytes = secret.hmac_key(what, algorithm)?;
        Ok(match algorithm {
            HmacAlgorithm::Sha256 => sign::<Hmac<Sha256>>(bytes, data),
            HmacAlgorithm::Sha384 => sign::<Hmac<Sha384>>(bytes, data),
            HmacAlgorithm::Sha512 => sign::<Hmac<Sha512>>(bytes, data),
        })
    }
}

fn sign<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}
