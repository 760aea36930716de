//! `crypto.subtle`: digests and HMAC. Keys stay in the guest; a secret's key never comes here (see `secrets`).

use javy::quickjs::{Ctx, Object, Result};

use super::{crypto, prelude, utils};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "hash": utils::hash,
        "hmac": utils::hmac,
        "random": crypto::random_bytes,
    });
    prelude(cx, kit, "subtle", include_str!("subtle.js"), native)
}
