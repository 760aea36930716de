//! `secrets`: handles that name a secret and never carry it.

use javy::quickjs::{Ctx, Exception, Object, Result, TypedArray, Value};

use super::{bytes, prelude};
use crate::bindings::skerry::script::secrets::{self, HmacAlgorithm};
use crate::bindings::skerry::script::types::Secret;
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "check": check, "hmac": hmac, "verify": verify });
    prelude(cx, kit, "secrets", include_str!("secrets.js"), native)
}

fn check(cx: Ctx<'_>, name: String) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || secrets::check(&name))
}

fn hmac<'js>(
    cx: Ctx<'js>,
    name: String,
    format: String,
    algorithm: String,
    data: TypedArray<'js, u8>,
) -> Result<Value<'js>> {
    let (algorithm, key) = (algorithm_of(&cx, &algorithm)?, Secret { name, format });
    start_call(&cx, Reach::Transaction, || secrets::hmac(&key, algorithm, &bytes::copy(&data)))
}

fn verify<'js>(
    cx: Ctx<'js>,
    name: String,
    format: String,
    algorithm: String,
    data: TypedArray<'js, u8>,
    signature: TypedArray<'js, u8>,
) -> Result<Value<'js>> {
    let (algorithm, key) = (algorithm_of(&cx, &algorithm)?, Secret { name, format });
    start_call(&cx, Reach::Transaction, || {
        secrets::hmac_verify(&key, algorithm, &bytes::copy(&data), &bytes::copy(&signature))
    })
}

fn algorithm_of(cx: &Ctx<'_>, name: &str) -> Result<HmacAlgorithm> {
    match name {
        "sha256" => Ok(HmacAlgorithm::Sha256),
        "sha384" => Ok(HmacAlgorithm::Sha384),
        "sha512" => Ok(HmacAlgorithm::Sha512),
        _ => Err(Exception::throw_range(cx, "the algorithm must be \"sha256\", \"sha384\" or \"sha512\"")),
    }
}
