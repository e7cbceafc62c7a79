//! Labelled pairs of names, made up for this: how many that are one person are found, and how many that
//! are found are one person. And the laws of the view.
#![allow(clippy::unwrap_used)]

use super::{names, *};
use crate::sample::Random;

/// Names of one person, as two people would write them.
const SAME: [(&str, &str); 32] = [
    ("Éloïse Bénard", "Eloise Benard"),
    ("BÉNARD Éloïse", "Eloïse Bénard"),
    ("Jean-Pierre Saint-Fleur", "Jean Pierre St Fleur"),
    ("Jean-Pierre Saint-Fleur", "St-Fleur, Jean-Pierre"),
    ("William Hartnell", "Bill Hartnell"),
    ("Robert Mackenzie", "Bob MacKenzie"),
    ("Elizabeth Okafor", "Liz Okafor"),
    ("Mohammed Al-Rashid", "Muhammad al Rashid"),
    ("Mohamed El Fassi", "Mohammed Elfassi"),
    ("Youssef Haddad", "Yusuf Hadad"),
    ("Владимир Петров", "Vladimir Petrov"),
    ("Дмитрий Чайковский", "Dmitri Tchaikovsky"),
    ("Евгений Соколов", "Evgeny Sokolov"),
    ("Γιώργος Παπαδόπουλος", "Giorgos Papadopoulos"),
    ("Marie-Thérèse Joseph", "Joseph Marie Therese"),
    ("Anaïs Exemple", "Anais Exemple"),
    ("Nguyễn Văn An", "Nguyen Van An"),
    ("Małgorzata Wójcik", "Malgorzata Wojcik"),
    ("Jürgen Müller", "Juergen Mueller"),
    ("Søren Kjær", "Soren Kjaer"),
    ("Ada Testwell", "Ada Testwel"),
    ("Basile Factice", "Basil Factice"),
    ("Catherine Dupont", "Katherine Dupont"),
    ("Michael O'Brien", "Mike OBrien"),
    ("J. Desrosiers Baptiste", "Josué Desrosiers Baptiste"),
    ("Stéphane Lafleur", "Stephane La Fleur"),
    ("Christopher Nwosu", "Chris Nwosu"),
    ("Guerlande Charles", "Guerlande CHARLES"),
    ("Dr. Fatima Zahra Benali", "Fatima-Zahra Ben Ali"),
    ("Khaled Mansour", "Khalid Mansur"),
    ("Wideline Pierre-Louis", "Pierre Louis Wideline"),
    ("Rose-Laure Étienne", "Rose Laure Etienne"),
];

/// Names of two people.
const OTHER: [(&str, &str); 24] = [
    ("Ada Testwell", "Basile Testwell"),
    ("Marie Joseph", "Marie Pierre"),
    ("Jean Baptiste", "Jean Desrosiers"),
    ("Pierre Louis", "Pierre Lucien"),
    ("Mohammed Al-Rashid", "Mahmoud Al-Rashid"),
    ("Anna Petrova", "Hanna Petrenko"),
    ("William Hartnell", "Bill Hartman"),
    ("John Smith", "Joan Smythe-Jones"),
    ("Robert Mackenzie", "Roberta Mackinnon"),
    ("Éloïse Bénard", "Élodie Bernard"),
    ("Daniel Charles", "Danielle Charlier"),
    ("Christian Paul", "Christine Paulin"),
    ("Nguyễn Văn An", "Nguyễn Thị Anh"),
    ("Fatima Benali", "Fatou Bensaid"),
    ("Li Wei", "Li Na"),
    ("Kim Min-ji", "Kim Min-su"),
    ("Carlos García", "Carla Garza"),
    ("Samuel Okoro", "Samira Okonkwo"),
    ("Guerlande Charles", "Guerda Charlot"),
    ("Michel Lafleur", "Micheline Lafontaine"),
    ("José Ramos", "Rosa Ramírez"),
    ("Emmanuel Jean", "Emmanuella Jeanty"),
    ("Omar Haddad", "Amir Haddad"),
    ("Ivan Sokolov", "Igor Sokolov"),
];

fn person(id: u8, name: &str, phone: Option<&str>) -> Person {
    let mut one = Person::named(ObjectId([id; 16]), name);
    one.set_phone(phone);
    one
}

#[test]
fn labelled_names_are_told_apart() {
    let proposed = |(a, b): &(&str, &str)| {
        let pair = pairs(vec![person(1, a, None), person(2, b, None)]);
        !pair.is_empty()
    };
    type Pairs = Vec<&'static (&'static str, &'static str)>;
    let (missed, hit): (Pairs, Pairs) = SAME.iter().partition(|p| !proposed(p));
    let wrong: Vec<_> = OTHER.iter().filter(|p| proposed(p)).collect();
    let recall = hit.len() as f64 / SAME.len() as f64;
    let precision = hit.len() as f64 / (hit.len() + wrong.len()) as f64;
    println!(
        "names: {} pairs of one person, {} of two; precision {precision:.2}, recall {recall:.2}",
        SAME.len(),
        OTHER.len()
    );
    println!("missed: {missed:?}\nwrong: {wrong:?}");
    assert!(recall >= 0.85, "{missed:?}");
    assert!(precision >= 0.9, "{wrong:?}");
}

#[test]
fn a_shared_telephone_alone_makes_nobody_the_same() {
    let apart = pairs(vec![
        person(1, "Ada Testwell", Some("+999 11 22 33 44")),
        person(2, "Basile Factice", Some("011 22 33 44")),
    ]);
    assert!(apart.is_empty(), "{apart:?}");
    let same = pairs(vec![
        person(1, "Ada Testwell", Some("+999 11 22 33 44")),
        person(2, "A. Testwell", Some("0 11.22.33.44")),
    ]);
    assert_eq!(same.len(), 1);
    assert!(same[0].reasons.contains(&"phone"), "{same:?}");
}

#[test]
fn sounds_and_words() {
    assert_eq!(names::words("M. le Dr. St-Fleur"), ["m", "saint", "fleur"]);
    assert_eq!(names::sound("tchaikovsky"), names::sound("chaikovskii"));
    assert_ne!(names::sound("testwell"), names::sound("factice"));
}

/// Order leaves no trace, and a crowd does not cost all its pairs.
#[test]
fn proposals_hang_on_no_order() {
    let mut random = Random::new(7);
    let firsts = ["Ada", "Basile", "Chipo", "Dmitri", "Élodie", "Fatima"];
    let lasts = ["Testwell", "Factice", "Inventée", "Exemple"];
    let mut all: Vec<Person> = (0..200_u8)
        .map(|n| {
            let (first, last) = (firsts[random.below(6)], lasts[random.below(4)]);
            person(n, &format!("{first} {last} {}", n % 50), None)
        })
        .collect();
    let wanted = pairs(all.clone());
    assert!(!wanted.is_empty());
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i + 1));
    }
    assert_eq!(pairs(all), wanted);
}
