//! Draws that depend on a seed and a name alone, and not on who asked first.

/// Returns 64 bits that are the same for the same seed, purpose and name, in every run.
pub(in crate::sandbox) fn hash_name(seed: u64, purpose: &str, name: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(purpose.as_bytes()).update(&[0]).update(name.as_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// Returns one of the items, all of them equally likely; the list must not be empty.
pub(in crate::sandbox) fn pick_item<T>(items: &[T], hash: u64) -> &T {
    &items[usize::try_from(hash % items.len() as u64).unwrap_or_default()]
}
