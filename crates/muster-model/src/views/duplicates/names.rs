//! Whether two names are likely the same person's: across accents and scripts, the order of first and
//! last, short forms, initials, and spellings that sound alike. It measures; it joins nobody.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Short forms and spellings of one first name, one line a name.
const SHORT: &str = include_str!("short_names.txt");

/// Words in a name that say little: titles and particles.
const SMALL: [&str; 31] = [
    "de", "du", "des", "da", "do", "dos", "di", "la", "le", "les", "el", "al", "ul", "von", "van",
    "der", "den", "bin", "ben", "ibn", "d", "l", "y", "e", "mr", "mrs", "ms", "mme", "mlle", "dr",
    "sr",
];

fn short_names() -> &'static BTreeMap<&'static str, &'static str> {
    static MAP: OnceLock<BTreeMap<&str, &str>> = OnceLock::new();
    MAP.get_or_init(|| {
        let lines = SHORT.lines().filter(|l| !l.starts_with('#'));
        lines
            .flat_map(|line| {
                let mut words = line.split_whitespace();
                let long = words.next().unwrap_or_default();
                std::iter::once(long)
                    .chain(words)
                    .map(move |word| (word, long))
            })
            .collect()
    })
}

/// The words of a name in plain letters, without those that say little.
pub fn words(name: &str) -> Vec<String> {
    let plain = deunicode::deunicode(name).to_lowercase();
    let plain = plain.replace(['\'', '’'], "");
    let all: Vec<&str> = plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(|w| match w {
            "st" => "saint",
            "ste" => "sainte",
            w => w,
        })
        .collect();
    let few: Vec<String> = all
        .iter()
        .filter(|w| !SMALL.contains(w))
        .map(|w| (*w).to_owned())
        .collect();
    match few.is_empty() {
        true => all.iter().map(|w| (*w).to_owned()).collect(),
        false => few,
    }
}

/// The long form of a short one, else the word itself.
pub fn long(word: &str) -> &str {
    short_names().get(word).copied().unwrap_or(word)
}

/// What is left of a word when spelling is taken away: consonants by their sound. Words in plain
/// letters only.
pub fn sound(word: &str) -> String {
    let mut text = word.to_owned();
    for (from, to) in [
        ("tsch", "$"),
        ("tch", "$"),
        ("sch", "$"),
        ("sh", "$"),
        ("ch", "$"),
        ("ph", "f"),
        ("kh", "k"),
        ("gh", "g"),
        ("dj", "j"),
        ("zh", "j"),
        ("ck", "k"),
        ("qu", "k"),
        ("q", "k"),
        ("x", "ks"),
        ("c", "k"),
        ("w", "v"),
        ("z", "s"),
        ("h", ""),
    ] {
        text = text.replace(from, to);
    }
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        let c = match c {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' if at == 0 => 'a',
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' => continue,
            c => c,
        };
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    out
}

/// How alike two words are, 0 to 1.
fn alike(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    if long(a) == long(b) {
        return 0.95;
    }
    let is_initial = |one: &str, other: &str| one.len() == 1 && other.starts_with(one);
    if is_initial(a, b) || is_initial(b, a) {
        return 0.8;
    }
    let near = strsim::jaro_winkler(a, b);
    let sound_a = sound(a);
    if sound_a == sound(b) {
        match sound_a.len() {
            4.. => return 0.93,
            3 if near >= 0.8 => return 0.93,
            2 if near >= 0.85 && a.len().min(b.len()) >= 4 => return 0.9,
            _ => {}
        }
    }
    let edits = strsim::damerau_levenshtein(a, b);
    if edits == 1 && a.len().min(b.len()) >= 5 {
        return 0.92;
    }
    if near >= 0.92 && edits <= 2 && a.len().min(b.len()) >= 6 {
        near * 0.96
    } else {
        near * 0.6
    }
}

/// How alike two names are, 0 to 1, given their [`words`].
pub fn similarity(a: &[String], b: &[String]) -> f64 {
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if a.concat() == b.concat() {
        return 1.0;
    }
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut left: Vec<&String> = many.iter().collect();
    let (mut sum, mut least) = (0.0, 1.0_f64);
    for word in few {
        let best = left
            .iter()
            .enumerate()
            .map(|(at, other)| (alike(word, other), at))
            .max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)));
        if let Some((score, at)) = best {
            left.remove(at);
            sum += score;
            least = least.min(score);
        }
    }
    let mean = sum / few.len() as f64;
    let missing = 0.08 * left.len() as f64;
    let whole = match (few.len(), many.len()) {
        // One word of a longer name is a hint at most.
        (1, 2..) => 0.7,
        _ => 1.0,
    };
    let broken = if least < 0.75 { 0.6 } else { 1.0 };
    ((mean - missing) * whole * broken).clamp(0.0, 1.0)
}
