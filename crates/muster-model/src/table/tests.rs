//! The table is sound, and its numbers are those of the list that was released.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;

#[test]
fn numbers_and_names_are_unique_and_in_order() {
    for (at, kind) in KINDS.iter().enumerate() {
        assert_eq!(usize::from(kind.number), at + 1, "{}", kind.name);
        let numbers: Vec<u16> = kind.fields.iter().map(|f| f.number).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(
            numbers, sorted,
            "{}: fields in the order of their numbers",
            kind.name
        );
        let names: BTreeSet<&str> = kind.fields.iter().map(|f| f.name).collect();
        assert_eq!(names.len(), kind.fields.len(), "{}", kind.name);
        assert!(numbers.iter().all(|n| (1..INCIDENT_FIELDS).contains(n)));
        assert!(kind.named(kind.title).is_some(), "{}: title", kind.name);
        if let Some((name, _)) = kind.alternative_when {
            assert!(kind.named(name).is_some(), "{}: condition", kind.name);
        }
    }
}

#[test]
fn every_field_is_sound() {
    for kind in KINDS {
        for f in kind.fields {
            let at = format!("{}.{}", kind.name, f.name);
            assert!(
                f.name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()),
                "{at}"
            );
            assert!(!f.label.en.is_empty() && !f.label.fr.is_empty(), "{at}");
            assert_eq!(kind.find(f.name).map(|f| f.number), Some(f.number), "{at}");
            if let Some(group) = f.group {
                let owner = kind.field(group).unwrap();
                assert_eq!(owner.merge, Merge::Group, "{at}");
                assert_eq!(owner.class, f.class, "{at}: an element lives in one class");
            }
            if let FieldType::Vocabulary(name) = f.ty {
                assert!(
                    crate::vocabulary::Vocabularies::builtin()
                        .get(name)
                        .is_some(),
                    "{at}: {name}"
                );
            }
            if let FieldType::Enum(e) = f.ty {
                let codes: BTreeSet<&str> = e.values.iter().map(|v| v.0).collect();
                assert_eq!(codes.len(), e.values.len(), "{at}");
                assert!(codes.iter().all(|c| text::is_code(c)), "{at}");
            }
        }
    }
}

#[test]
fn who_may_write() {
    let volunteer = kind(kinds::VOLUNTEER).unwrap();
    let phone = volunteer.named("phone").unwrap();
    assert!(phone.may_write(Role::Volunteer, true));
    assert!(!phone.may_write(Role::Volunteer, false));
    assert!(phone.may_write(Role::Lead, false));
    assert!(!phone.may_write(Role::Relay, true));
    assert!(!phone.may_write(Role::Root, true));
    let clearance = volunteer.named("clearance").unwrap();
    assert!(!clearance.may_write(Role::Volunteer, true));
    assert!(!clearance.may_write(Role::Lead, false));
}

/// Numbers were signed: a line may be added to `numbers.txt`, never changed.
#[test]
fn numbers_never_change_their_meaning() {
    let mut now = String::new();
    for kind in KINDS {
        for f in kind.fields {
            let classes: Vec<String> = f.classes().map(|c| format!("C{}", c.0)).collect();
            now.push_str(&format!(
                "{} {} {} {} {} {} {:?}\n",
                kind.number,
                f.number,
                kind.name,
                f.name,
                f.ty.value_kind(),
                classes.join("/"),
                f.merge
            ));
        }
    }
    if std::env::var_os("MUSTER_WRITE_NUMBERS").is_some() {
        std::fs::write("src/table/numbers.txt", &now).unwrap();
    }
    assert_eq!(now, include_str!("numbers.txt"), "see MUSTER_WRITE_NUMBERS");
}
