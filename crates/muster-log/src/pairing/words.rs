//! The words that two people read to each other, in the incident's language.
//!
//! The lists are those of BIP 39 (see NOTICE.md beside them): 2,048 short words each, told apart by
//! their first four letters. They are part of the protocol: both sides must show the same word for
//! the same number.

const ENGLISH: &str = include_str!("english.txt");
const FRENCH: &str = include_str!("french.txt");

/// Which list is shown. Both sides use the one that the inviter committed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, and whatever has no list of its own.
    English,
    /// French.
    French,
}

impl Language {
    /// The list for an incident whose first language this is.
    pub fn of_tag(tag: &str) -> Self {
        match tag.split(['-', '_']).next() {
            Some(l) if l.eq_ignore_ascii_case("fr") => Self::French,
            _ => Self::English,
        }
    }

    /// Its number in a flight.
    pub fn number(self) -> u8 {
        match self {
            Self::English => 0,
            Self::French => 1,
        }
    }

    /// The list of a number; an unknown one is a later version's.
    pub fn of_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::English),
            1 => Some(Self::French),
            _ => None,
        }
    }

    /// Its tag, as a genesis has it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }
}

/// Word `number` of the list; only the low 11 bits count, so there always is one.
pub fn word(language: Language, number: u16) -> &'static str {
    let list = match language {
        Language::English => ENGLISH,
        Language::French => FRENCH,
    };
    list.lines()
        .nth(usize::from(number & 0x7ff))
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_lists_are_whole_and_their_words_distinct() {
        for list in [ENGLISH, FRENCH] {
            let words: Vec<_> = list.lines().collect();
            assert_eq!(words.len(), 2048);
            let beginnings: BTreeSet<String> =
                words.iter().map(|w| w.chars().take(4).collect()).collect();
            assert_eq!(beginnings.len(), 2048, "told apart by four letters");
            assert!(words.iter().all(|w| (3..=8).contains(&w.chars().count())));
        }
        assert_eq!(word(Language::English, 0), "abandon");
        assert_eq!(word(Language::English, 2047), "zoo");
        assert_eq!(word(Language::French, 18), "académie");
        assert_eq!(word(Language::French, 2047), "zoologie");
        assert_eq!(word(Language::English, 2048), "abandon");
    }

    #[test]
    fn the_first_language_decides() {
        assert_eq!(Language::of_tag("fr-CA"), Language::French);
        assert_eq!(Language::of_tag("ht"), Language::English);
        for language in [Language::English, Language::French] {
            assert_eq!(Language::of_number(language.number()), Some(language));
            assert_eq!(Language::of_tag(language.tag()), language);
        }
        assert_eq!(Language::of_number(2), None);
    }
}
