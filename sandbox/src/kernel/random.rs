//! Numbers and identifiers that depend on a seed and a label, and on nothing else: the same label yields the same.

/// Draws a 64-bit number that depends on a seed, a label and nothing else.
pub(crate) fn number(seed: u64, label: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{seed}/{label}"));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Makes a UUID out of a seed and a label.
pub(crate) fn uuid(seed: u64, label: &str) -> String {
    let (a, b) = (number(seed, label), number(seed, &format!("{label}/more")));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}
