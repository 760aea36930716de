//! `crypto`: random bytes from the execution's own sealed seed.

use std::cell::RefCell;

use javy::quickjs::{Ctx, Object, Result, TypedArray};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{bytes, prelude};
use crate::clock;
use crate::execution::{self, Need};

thread_local! {
    /// Set up at the first draw.
    static GENERATOR: RefCell<Option<ChaCha20Rng>> = const { RefCell::new(None) };
}

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "bytes": random_bytes, "uuid": random_uuid, "orderedUuid": ordered_uuid });
    prelude(cx, kit, "crypto", include_str!("crypto.js"), native)
}

fn fill(bytes: &mut [u8]) {
    GENERATOR.with_borrow_mut(|generator| generator.get_or_insert_with(seeded).fill_bytes(bytes));
}

fn seeded() -> ChaCha20Rng {
    let words = execution::start_record(Need::Random, |start| start.crypto_seed).unwrap_or_default();
    let mut seed = [0; 32];
    for (place, word) in seed.chunks_exact_mut(8).zip([words.0, words.1, words.2, words.3]) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha20Rng::from_seed(seed)
}

pub(super) fn random_bytes(cx: Ctx<'_>, length: usize) -> Result<TypedArray<'_, u8>> {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    TypedArray::new(cx, bytes)
}

/// 128 random bits as text.
pub(super) fn random_hex() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes::hex(&bytes)
}

/// Version 4 (RFC 9562).
fn random_uuid() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    uuid_text(bytes, 4)
}

/// Version 7 (RFC 9562): the clock, then random bits.
fn ordered_uuid() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes[6..]);
    bytes[..6].copy_from_slice(&clock::now_ms().to_be_bytes()[2..]);
    uuid_text(bytes, 7)
}

fn uuid_text(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = bytes::hex(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
