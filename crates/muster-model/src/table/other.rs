//! Table lines: notes, events, messages, information, activities, pledges. Nothing but data.

use muster_log::ids::Class;

use super::{
    ACTIVITY_STATUS, AUDIENCE, EVENT_KIND, FieldType as T, Kind, Label, MESSAGE_TO, PRIORITY,
    REPEATS, When, field, kinds,
};

const PEOPLE: T = T::Integer(0, 100_000_000);

#[rustfmt::skip]
pub static NOTE: Kind = Kind {
    number: kinds::NOTE,
    name: "note",
    prefix: None,
    label: Label { en: "Note", fr: "Note" },
    title: "text",
    alternative_when: None,
    fields: &[
        field(1, "time", T::Time, "Time", "Heure").any().list(),
        field(2, "text", T::LongText, "Text", "Texte").any().list(),
        field(3, "about", T::Reference(&[]), "About", "À propos de").any().list(),
        field(4, "by", T::Text, "By", "Par").any().list(),
    ],
};

#[rustfmt::skip]
pub static EVENT: Kind = Kind {
    number: kinds::EVENT,
    name: "event",
    prefix: None,
    label: Label { en: "Event", fr: "Événement" },
    title: "title",
    alternative_when: None,
    fields: &[
        field(1, "title", T::Text, "Title", "Titre").list(),
        field(2, "kind", T::Enum(&EVENT_KIND), "Kind", "Type").list(),
        field(3, "from", T::Time, "From", "Du").list(),
        field(4, "to", T::Time, "To", "Au").list(),
        field(5, "site", T::Reference(&[kinds::SITE]), "Site", "Site").list(),
        field(6, "repeats", T::Enum(&REPEATS), "Repeats", "Répétition"),
        field(7, "organiser", T::Text, "Organiser", "Organisateur"),
        field(8, "audience", T::Text, "Audience", "Public visé"),
        field(9, "language", T::Language, "Language", "Langue"),
        field(10, "contact", T::Text, "Contact", "Contact").c2(),
        field(11, "expected", PEOPLE, "Expected", "Attendus"),
        field(12, "came", PEOPLE, "Came", "Venus").sum(),
        field(13, "rule", T::Text, "Rule of repetition (RFC 5545)", "Règle de répétition (RFC 5545)"),
        field(14, "zone", T::Text, "Time zone", "Fuseau horaire"),
        field(15, "until", T::Time, "Repeats until", "Se répète jusqu’au"),
        field(16, "except", T::Date, "Not on", "Sauf le").set(),
        field(17, "people", T::Reference(&[kinds::VOLUNTEER]), "People expected", "Personnes attendues").set(),
        field(18, "team", T::Reference(&[kinds::TEAM]), "Team", "Équipe"),
    ],
};

#[rustfmt::skip]
pub static MESSAGE: Kind = Kind {
    number: kinds::MESSAGE,
    name: "message",
    prefix: None,
    label: Label { en: "Message", fr: "Message" },
    title: "text",
    alternative_when: Some(("to", When::Code("person"))),
    fields: &[
        field(1, "thread", T::Text, "Thread", "Fil").any().or(Class::C2).list(),
        field(2, "to", T::Enum(&MESSAGE_TO), "To", "À").any().list(),
        field(3, "to_role", T::Text, "To role", "À la fonction").any(),
        field(4, "to_object", T::Reference(&[kinds::TEAM, kinds::SITE, kinds::VOLUNTEER]), "To whom", "Destinataire").any().or(Class::C2),
        field(5, "text", T::LongText, "Text", "Texte").any().or(Class::C2).list(),
        field(6, "language", T::Language, "Language", "Langue").any(),
        field(7, "translation_of", T::Reference(&[kinds::MESSAGE]), "Translation of", "Traduction de").any(),
        field(8, "reply_to", T::Reference(&[kinds::MESSAGE]), "Reply to", "Réponse à").any(),
        field(9, "priority", T::Enum(&PRIORITY), "Priority", "Priorité").any(),
        field(10, "expires", T::Time, "Expires", "Expire le").any(),
        field(11, "pinned", T::Boolean, "Pinned", "Épinglé"),
        field(12, "seen_by", T::Reference(&[kinds::VOLUNTEER]), "Seen by", "Vu par").set().any(),
        // The value only keeps the records of several devices apart; who saw it is whose log says so.
        field(13, "seen_on", T::Text, "Seen on", "Vu sur").set().any(),
    ],
};

#[rustfmt::skip]
pub static INFORMATION: Kind = Kind {
    number: kinds::INFORMATION,
    name: "information",
    prefix: None,
    label: Label { en: "Information", fr: "Information" },
    title: "title",
    alternative_when: Some(("audience", When::Code("public"))),
    fields: &[
        field(1, "title", T::Text, "Title", "Titre").coordinator().or(Class::C0).list(),
        field(2, "topic", T::Text, "Topic", "Thème").coordinator().or(Class::C0).list(),
        field(3, "text", T::LongText, "Text", "Texte").coordinator().or(Class::C0),
        field(4, "language", T::Language, "Language", "Langue").coordinator().or(Class::C0).list(),
        field(5, "translation_of", T::Reference(&[kinds::INFORMATION]), "Translation of", "Traduction de").coordinator().or(Class::C0),
        field(6, "audience", T::Enum(&AUDIENCE), "Audience", "Public visé").coordinator().or(Class::C0),
        field(7, "site", T::Reference(&[kinds::SITE]), "Site", "Site").coordinator().or(Class::C0),
        field(8, "expires", T::Time, "Expires", "Expire le").coordinator().or(Class::C0),
        field(9, "pinned", T::Boolean, "Pinned", "Épinglée").coordinator().or(Class::C0),
    ],
};

#[rustfmt::skip]
pub static ACTIVITY: Kind = Kind {
    number: kinds::ACTIVITY,
    name: "activity",
    prefix: None,
    label: Label { en: "Activity (3W)", fr: "Activité (3W)" },
    title: "activity",
    alternative_when: None,
    fields: &[
        field(1, "organisation", T::Reference(&[kinds::ORGANISATION]), "Organisation", "Organisation").coordinator().list(),
        field(2, "sector", T::Vocabulary("sectors"), "Sector", "Secteur").coordinator().list(),
        field(3, "activity", T::Text, "Activity", "Activité").coordinator().list(),
        field(4, "area", T::Text, "Area", "Zone").coordinator().list(),
        field(5, "from", T::Date, "From", "Du").coordinator(),
        field(6, "to", T::Date, "To", "Au").coordinator(),
        field(7, "status", T::Enum(&ACTIVITY_STATUS), "Status", "Statut").coordinator().list(),
        field(8, "targeted", PEOPLE, "Targeted", "Personnes visées").coordinator(),
        field(9, "reached", PEOPLE, "Reached", "Personnes atteintes").coordinator().sum(),
    ],
};

#[rustfmt::skip]
pub static PLEDGE: Kind = Kind {
    number: kinds::PLEDGE,
    name: "pledge",
    prefix: None,
    label: Label { en: "Pledge", fr: "Promesse d’aide" },
    title: "organisation",
    alternative_when: None,
    fields: &[
        field(1, "organisation", T::Reference(&[kinds::ORGANISATION]), "Organisation", "Organisation").coordinator().list(),
        field(2, "people", PEOPLE, "People", "Personnes").coordinator().list(),
        field(3, "skills", T::Vocabulary("skills"), "Skills", "Compétences").set().coordinator(),
        field(4, "days", T::Window, "Days", "Jours").coordinator(),
        field(5, "agreement", T::Text, "Agreement", "Convention").coordinator(),
        field(6, "contact", T::Text, "Contact", "Contact").c2().coordinator(),
        field(7, "called_up", PEOPLE, "Called up", "Appelés").coordinator().sum(),
        field(8, "came", PEOPLE, "Came", "Venus").coordinator().sum(),
    ],
};
