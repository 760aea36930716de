//! Bytes as lower-case hexadecimal digits, for keys and tokens: what is written here is wiped when it is dropped.

use zeroize::Zeroizing;

/// Two digits for each byte.
pub(crate) fn write(bytes: &[u8]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.extend(nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)));
    digits
}

/// Fill `bytes` from exactly as many digits as that takes. There is one way to write each value: capital letters are no
/// digits here.
pub(crate) fn read(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * bytes.len() || digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(())
}
