//! Comparing words the way people type them: without case, accents or the kind of dash.
//!
//! Not a search engine and not a translator; French and English labels are compared as written.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The word without case and accents; runs of spaces, dashes, underscores and apostrophes become
/// one hyphen. Two spellings that fold alike are the same word to every parser of this crate.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.trim().nfd().filter(|c| !is_combining_mark(*c)) {
        if is_gap(c) {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push('-');
            gap = false;
        }
        match c {
            'œ' | 'Œ' => out.push_str("oe"),
            'æ' | 'Æ' => out.push_str("ae"),
            'ß' => out.push_str("ss"),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

fn is_gap(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '_' | '\'' | '’' | '\u{2010}' | '\u{2011}' | '–' | '—' | '\u{a0}' | '\u{202f}'
        )
}

/// Whether `needle`, already folded, occurs in the folded `text`.
pub fn contains_folded(text: &str, needle: &str) -> bool {
    fold(text).contains(needle)
}

/// Whether the text has the form of a code: lower-case ASCII letters, digits and hyphens, or a
/// language tag; at most 64 bytes.
pub fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_fold_alike() {
        assert_eq!(fold("  Bénévole  enregistré "), "benevole-enregistre");
        assert_eq!(fold("On site"), fold("on_site"));
        assert_eq!(fold("Main d’œuvre"), fold("MAIN D'OEUVRE"));
        assert_eq!(fold("Sécurité\u{a0}alimentaire"), "securite-alimentaire");
        assert!(contains_folded("Eau potable à Léogâne", &fold("leogane")));
    }

    #[test]
    fn codes_are_plain() {
        assert!(is_code("first-aid"));
        assert!(is_code("zh-Hant"));
        assert!(!is_code(""));
        assert!(!is_code("premiers secours"));
    }
}
