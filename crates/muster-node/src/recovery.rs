//! The recovery file: a root key, sealed by age under a passphrase of generated words.
//!
//! The words are shown once and kept nowhere. What a recovery can do is an authority act; this
//! module only keeps the key until then.

use age::secrecy::SecretString;
use thiserror::Error;
use zeroize::Zeroizing;

/// How many words a passphrase has: 10 of 256 words are 80 bits, and age stretches them (scrypt).
const WORDS: usize = 10;

/// Sealing or opening failed.
#[derive(Debug, Error)]
pub enum RecoveryError {
    /// Sealing failed.
    #[error("the recovery file cannot be sealed: {0}")]
    Seal(#[from] age::EncryptError),
    /// The passphrase is wrong, or the file was changed.
    #[error("the recovery file does not open: {0}")]
    Open(#[from] age::DecryptError),
    /// It opens, and is not a root key.
    #[error("the recovery file does not hold a root key")]
    NotAKey,
}

/// A passphrase of random words.
pub fn words(random: &mut dyn FnMut(&mut [u8])) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0u8; WORDS]);
    random(bytes.as_mut());
    let words: Vec<_> = bytes.iter().map(|b| word(*b)).collect();
    Zeroizing::new(words.join("-"))
}

/// A pronounceable word for a byte: two syllables of a consonant and a vowel, easy to say over a
/// radio in either language, and never the same for two bytes.
fn word(byte: u8) -> String {
    const CONSONANTS: [char; 16] = [
        'b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z', 'j', 'c',
    ];
    const VOWELS: [&str; 4] = ["a", "i", "o", "u"];
    let (high, low) = (byte >> 4, byte & 15);
    let first = CONSONANTS.get(usize::from(high)).copied().unwrap_or('b');
    let second = CONSONANTS.get(usize::from(low)).copied().unwrap_or('b');
    let vowel = |n: u8| VOWELS.get(usize::from(n & 3)).copied().unwrap_or("a");
    format!(
        "{first}{}{second}{}",
        vowel(high >> 2 ^ low),
        vowel(high ^ low >> 2)
    )
}

/// Seals a root key.
pub fn seal(root: &[u8; 32], words: &str) -> Result<Vec<u8>, RecoveryError> {
    let recipient = age::scrypt::Recipient::new(SecretString::from(words.to_owned()));
    Ok(age::encrypt_and_armor(&recipient, root)?.into_bytes())
}

/// Opens a recovery file.
pub fn open(file: &[u8], words: &str) -> Result<Zeroizing<[u8; 32]>, RecoveryError> {
    let identity = age::scrypt::Identity::new(SecretString::from(words.to_owned()));
    let plain = Zeroizing::new(age::decrypt(&identity, file)?);
    let key: [u8; 32] = plain
        .as_slice()
        .try_into()
        .map_err(|_| RecoveryError::NotAKey)?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_word_of_its_own() {
        let all: std::collections::BTreeSet<_> = (0..=255u8).map(word).collect();
        assert_eq!(all.len(), 256);
    }

    #[test]
    fn a_sealed_root_key_opens_with_its_words_and_no_others() {
        let root = [7; 32];
        let words = words(&mut |b| b.fill(3));
        let file = seal(&root, &words).unwrap();
        assert_eq!(*open(&file, &words).unwrap(), root);
        assert!(open(&file, "other-words").is_err());
    }
}
