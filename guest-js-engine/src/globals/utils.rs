//! `utils`: hashes and encodings that need no host. Its dates are in `dates`.

use hmac::{Hmac, KeyInit, Mac};
use javy::quickjs::{Ctx, Exception, Object, Result, TypedArray};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{bytes, prelude};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "hash": hash, "hmac": hmac });
    prelude(cx, kit, "utils", include_str!("utils.js"), native)
}

pub(super) fn hash<'js>(cx: Ctx<'js>, algorithm: String, data: TypedArray<'js, u8>) -> Result<TypedArray<'js, u8>> {
    let data = bytes::copy(&data);
    let digest = match algorithm.as_str() {
        "sha1" => Sha1::digest(data).to_vec(),
        "sha256" => Sha256::digest(data).to_vec(),
        "sha384" => Sha384::digest(data).to_vec(),
        "sha512" => Sha512::digest(data).to_vec(),
        _ => return Err(unknown(&cx)),
    };
    TypedArray::new(cx, digest)
}

pub(super) fn hmac<'js>(
    cx: Ctx<'js>,
    algorithm: String,
    key: TypedArray<'js, u8>,
    data: TypedArray<'js, u8>,
) -> Result<TypedArray<'js, u8>> {
    let (key, data) = (bytes::copy(&key), bytes::copy(&data));
    let tag = match algorithm.as_str() {
        "sha1" => sign::<Hmac<Sha1>>(&key, &data),
        "sha256" => sign::<Hmac<Sha256>>(&key, &data),
        "sha384" => sign::<Hmac<Sha384>>(&key, &data),
        "sha512" => sign::<Hmac<Sha512>>(&key, &data),
        _ => return Err(unknown(&cx)),
    };
    TypedArray::new(cx, tag)
}

/// An HMAC takes a key of any length: the tag is empty for a key that is refused, which none is.
fn sign<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    <M as KeyInit>::new_from_slice(key)
        .map_or_else(|_| Vec::new(), |mac| mac.chain_update(data).finalize().into_bytes().to_vec())
}

fn unknown(cx: &Ctx<'_>) -> javy::quickjs::Error {
    Exception::throw_range(cx, "the algorithm must be \"sha1\", \"sha256\", \"sha384\" or \"sha512\"")
}
