//! Table lines: organisations, volunteers, teams. Nothing but data.

use super::{
    ACCOMMODATION, CLEARANCE, FROM_HOME, Field, FieldType as T, Kind, LEVEL, Label,
    ORGANISATION_KIND, TEAM_STATUS, TRANSPORT, VETTING_CHECK, VETTING_RESULT, VOLUNTEER_KIND,
    VOLUNTEER_STATUS, field, kinds,
};

const SKILLS: u16 = 13;
const VETTING: u16 = 42;

#[rustfmt::skip]
pub static ORGANISATION: Kind = Kind {
    number: kinds::ORGANISATION,
    name: "organisation",
    prefix: None,
    label: Label { en: "Organisation", fr: "Organisation" },
    title: "name",
    alternative_when: None,
    fields: &[
        field(1, "name", T::Text, "Name", "Nom").coordinator().list(),
        field(2, "kind", T::Enum(&ORGANISATION_KIND), "Kind", "Type").coordinator().list(),
        field(3, "contact", T::Text, "Contact", "Contact").c2().coordinator(),
        field(4, "sectors", T::Vocabulary("sectors"), "Sectors", "Secteurs").set().coordinator(),
        field(5, "area", T::Text, "Area", "Zone").coordinator(),
    ],
};

const fn skill(
    number: u16,
    name: &'static str,
    ty: T,
    en: &'static str,
    fr: &'static str,
) -> Field {
    field(number, name, ty, en, fr).of(SKILLS)
}

const fn check(
    number: u16,
    name: &'static str,
    ty: T,
    en: &'static str,
    fr: &'static str,
) -> Field {
    field(number, name, ty, en, fr)
        .of(VETTING)
        .c3()
        .coordinator()
}

#[rustfmt::skip]
pub static VOLUNTEER: Kind = Kind {
    number: kinds::VOLUNTEER,
    name: "volunteer",
    prefix: None,
    label: Label { en: "Volunteer", fr: "Bénévole" },
    title: "name",
    alternative_when: None,
    fields: &[
        field(1, "name", T::Text, "Name", "Nom").c2().own().list(),
        field(2, "also_called", T::Text, "Also called", "Dit aussi").c2().own(),
        field(3, "phone", T::Phone, "Phone", "Téléphone").c2().own().list(),
        field(4, "email", T::Email, "Email", "Courriel").c2().own(),
        field(5, "emergency_contact", T::Text, "Emergency contact", "Personne à prévenir").c3().own(),
        field(6, "organisation", T::Reference(&[kinds::ORGANISATION]), "Organisation", "Organisation").own().list(),
        field(7, "kind", T::Enum(&VOLUNTEER_KIND), "Kind", "Type"),
        field(8, "languages", T::Language, "Languages", "Langues").set().own().list(),
        field(9, "training", T::Text, "Training", "Formations").set().own(),
        field(10, "position", T::Vocabulary("positions"), "Position", "Fonction").list(),
        field(11, "availability", T::Hours, "Availability", "Disponibilités").set().own(),
        field(12, "available", T::Window, "Available from/to", "Disponible du/au").set().own(),
        field(SKILLS, "skills", T::Group, "Skills", "Compétences").own().list(),
        skill(14, "skill_skill", T::Vocabulary("skills"), "Skill", "Compétence").own(),
        skill(15, "skill_level", T::Enum(&LEVEL), "Level", "Niveau").own(),
        skill(16, "skill_confirmed_by", T::Text, "Skill confirmed by", "Compétence confirmée par"),
        skill(17, "skill_expires", T::Date, "Skill valid until", "Compétence valable jusqu’au").own(),
        field(18, "home_area", T::Text, "Home area", "Secteur de résidence").own().list(),
        field(19, "from_home", T::Enum(&FROM_HOME), "From home", "À domicile").own(),
        field(20, "access_needs", T::Vocabulary("access_needs"), "Access needs", "Besoins d’accessibilité").set().c3().own(),
        field(21, "accommodations", T::Enum(&ACCOMMODATION), "Accommodations", "Aménagements").set().c2().own(),
        field(22, "equipment", T::Vocabulary("equipment"), "Equipment", "Équipement").set().own(),
        field(23, "transport", T::Enum(&TRANSPORT), "Transport", "Moyens de transport").set().own(),
        field(24, "minor", T::Boolean, "Minor", "Mineur").c3().own(),
        field(25, "birth_year", T::Integer(1900, 2100), "Birth year", "Année de naissance").c3().own(),
        field(26, "guardian_consent", T::Text, "Guardian's consent", "Accord du représentant légal").c3(),
        field(30, "clearance", T::Enum(&CLEARANCE), "Clearance", "Habilitation").c2().coordinator(),
        field(31, "clearance_reason", T::LongText, "Reason of clearance", "Motif de l’habilitation").c3().coordinator(),
        field(32, "waiver_signed", T::Date, "Waiver signed", "Décharge signée le").own(),
        field(33, "waiver_paper", T::Text, "Waiver paper no.", "N° de décharge papier"),
        field(34, "consent_given", T::Date, "Data consent given", "Consentement aux données le").own(),
        field(35, "consent_paper", T::Text, "Consent paper no.", "N° de consentement papier"),
        field(36, "briefed", T::Time, "Briefed", "Consignes données le"),
        field(37, "heard_through", T::Text, "Heard through", "Nous a connus par").own(),
        field(38, "badge", T::Text, "Badge code", "Code du badge"),
        field(39, "status", T::Enum(&VOLUNTEER_STATUS), "Status", "Statut").own().list(),
        field(40, "notes", T::LongText, "Notes", "Remarques").c2(),
        field(41, "external_id", T::Text, "Id in another system", "Identifiant externe"),
        field(VETTING, "vetting", T::Group, "Vetting", "Vérifications").c3().coordinator(),
        check(43, "vetting_check", T::Enum(&VETTING_CHECK), "Check", "Contrôle"),
        check(44, "vetting_by", T::Text, "Checked by", "Contrôlé par"),
        check(45, "vetting_when", T::Date, "Checked on", "Contrôlé le"),
        check(46, "vetting_expires", T::Date, "Check valid until", "Contrôle valable jusqu’au"),
        check(47, "vetting_result", T::Enum(&VETTING_RESULT), "Result", "Résultat"),
    ],
};

#[rustfmt::skip]
pub static TEAM: Kind = Kind {
    number: kinds::TEAM,
    name: "team",
    prefix: None,
    label: Label { en: "Team", fr: "Équipe" },
    title: "name",
    alternative_when: None,
    fields: &[
        field(1, "name", T::Text, "Name", "Nom").list(),
        field(2, "leader", T::Reference(&[kinds::VOLUNTEER]), "Leader", "Chef d’équipe").list(),
        field(3, "members", T::Reference(&[kinds::VOLUNTEER]), "Members", "Membres").set().list(),
        field(4, "status", T::Enum(&TEAM_STATUS), "Status", "Statut").list(),
        field(5, "site", T::Reference(&[kinds::SITE]), "Site", "Site"),
        field(6, "radio_channel", T::Text, "Radio channel", "Canal radio"),
        field(7, "due_back", T::Time, "Due back", "Retour prévu"),
    ],
};
