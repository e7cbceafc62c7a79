//! Table lines: needs, tasks, assignments. Nothing but data.

use muster_log::ids::Class;

use super::{
    ACCOMMODATION, ASSIGNMENT_STATUS, CLOSED_AS, FLAG, Field, FieldType as T, Kind, LEVEL,
    LINE_STATUS, Label, NEED_STATUS, PRIORITY, SOURCE, TASK_STATUS, TIMEFRAME, TOLD_BY, When,
    field, kinds,
};

const LINES: u16 = 40;
const SLOTS: u16 = 13;

const fn line(number: u16, name: &'static str, ty: T, en: &'static str, fr: &'static str) -> Field {
    field(number, name, ty, en, fr).of(LINES).any()
}

const fn slot(number: u16, name: &'static str, ty: T, en: &'static str, fr: &'static str) -> Field {
    field(number, name, ty, en, fr).of(SLOTS)
}

#[rustfmt::skip]
pub static NEED: Kind = Kind {
    number: kinds::NEED,
    name: "need",
    prefix: Some('N'),
    label: Label { en: "Need", fr: "Besoin" },
    title: "title",
    alternative_when: Some(("sensitive", When::True)),
    fields: &[
        field(1, "number", T::Number, "Number", "Numéro").any(),
        field(2, "title", T::Text, "Title", "Titre").any().or(Class::C3).list(),
        field(3, "description", T::LongText, "Description", "Description").c2().any().or(Class::C3),
        field(4, "sector", T::Vocabulary("sectors"), "Sector", "Secteur").any().list(),
        field(5, "category", T::Text, "Category", "Catégorie").any().or(Class::C3),
        field(6, "area", T::Text, "Area", "Zone").any().list(),
        field(7, "place", T::Place, "Place", "Lieu").c2().any(),
        field(8, "people_affected", T::Integer(0, 100_000_000), "People affected", "Personnes concernées").any(),
        field(9, "vulnerable_groups", T::Vocabulary("vulnerable_groups"), "Vulnerable groups", "Groupes vulnérables").set().c3().any(),
        field(10, "priority", T::Enum(&PRIORITY), "Priority", "Priorité").any().list(),
        field(11, "timeframe", T::Enum(&TIMEFRAME), "Timeframe", "Échéance").any(),
        field(12, "access_constraints", T::Text, "Access constraints", "Contraintes d’accès").any(),
        field(13, "permission", T::Boolean, "Permission to enter", "Autorisation d’entrer").c2().any(),
        field(14, "permission_by", T::Text, "Permission given by", "Autorisation donnée par").c2().any(),
        field(15, "permission_when", T::Time, "Permission given on", "Autorisation donnée le").c2().any(),
        field(16, "status", T::Enum(&NEED_STATUS), "Status", "Statut").any().list(),
        field(17, "closed_as", T::Enum(&CLOSED_AS), "Closed as", "Motif de clôture"),
        field(18, "flags", T::Enum(&FLAG), "Flags", "Drapeaux").set().any(),
        field(19, "reporter", T::Text, "Reporter", "Signalé par").c2().any(),
        field(20, "contact", T::Text, "Contact", "Contact").c2().any(),
        field(21, "source", T::Enum(&SOURCE), "Source", "Origine").any(),
        field(22, "external_id", T::Text, "Id in another system", "Identifiant externe").any(),
        field(23, "occurred", T::Time, "Occurred", "Survenu le").any(),
        field(24, "sensitive", T::Boolean, "Sensitive", "Sensible").any(),
        field(25, "site", T::Reference(&[kinds::SITE]), "Site", "Site").any(),
        field(26, "work_types", T::Vocabulary("work_types"), "Types of work", "Types de travaux").set().any(),
        field(27, "hazards", T::Vocabulary("hazards"), "Hazards", "Dangers").set().any(),
        field(LINES, "lines", T::Group, "Lines", "Lignes").any(),
        line(41, "line_item", T::Vocabulary("items"), "Item", "Article"),
        line(42, "line_skill", T::Vocabulary("skills"), "Skill wanted", "Compétence demandée"),
        line(43, "line_work_type", T::Vocabulary("work_types"), "Work type", "Type de travail"),
        line(44, "line_quantity", T::Decimal, "Quantity", "Quantité"),
        line(45, "line_unit", T::Text, "Unit", "Unité"),
        line(46, "line_needed_by", T::Time, "Needed by", "Nécessaire avant"),
        line(47, "line_deliver_to", T::Text, "Deliver to", "Livrer à"),
        line(48, "line_substitutes", T::Text, "Substitutes", "Substituts"),
        line(49, "line_requested_by", T::Text, "Requested by", "Demandé par"),
        line(50, "line_approved_by", T::Text, "Approved by", "Approuvé par").coordinator(),
        line(51, "line_order_no", T::Text, "Line order no.", "N° de commande"),
        line(52, "line_supplier", T::Text, "Supplier", "Fournisseur"),
        line(53, "line_eta", T::Time, "ETA", "Arrivée prévue"),
        line(54, "line_cost", T::Decimal, "Cost", "Coût"),
        line(55, "line_claimed_by", T::Reference(&[kinds::ORGANISATION]), "Claimed by", "Pris en charge par"),
        line(56, "line_committed", T::Decimal, "Committed", "Engagé").sum(),
        line(57, "line_delivered", T::Decimal, "Delivered", "Livré").sum(),
        line(58, "line_status", T::Enum(&LINE_STATUS), "Line status", "Statut de la ligne"),
    ],
};

#[rustfmt::skip]
pub static TASK: Kind = Kind {
    number: kinds::TASK,
    name: "task",
    prefix: Some('T'),
    label: Label { en: "Task", fr: "Mission" },
    title: "title",
    alternative_when: None,
    fields: &[
        field(1, "number", T::Number, "Number", "Numéro"),
        field(2, "title", T::Text, "Title", "Titre").list(),
        field(3, "description", T::LongText, "Description", "Description"),
        field(4, "instructions", T::LongText, "Instructions", "Consignes").c2(),
        field(5, "place", T::Place, "Place", "Lieu").c2(),
        field(6, "needs", T::Reference(&[kinds::NEED]), "For needs", "Pour les besoins").set(),
        field(7, "site", T::Reference(&[kinds::SITE]), "Site", "Site").list(),
        field(8, "area", T::Text, "Area", "Zone").list(),
        field(9, "sector", T::Vocabulary("sectors"), "Sector", "Secteur"),
        field(10, "priority", T::Enum(&PRIORITY), "Priority", "Priorité").list(),
        field(11, "from", T::Time, "From", "Du").list(),
        field(12, "to", T::Time, "To", "Au").list(),
        field(SLOTS, "slots", T::Group, "Slots", "Postes").list(),
        slot(14, "slot_skill", T::Vocabulary("skills"), "Slot skill", "Compétence du poste"),
        slot(15, "slot_level", T::Enum(&LEVEL), "Slot level", "Niveau du poste"),
        slot(16, "slot_wanted", T::Integer(0, 100_000), "Wanted", "Effectif voulu"),
        field(20, "equipment", T::Vocabulary("equipment"), "Equipment", "Équipement").set(),
        field(21, "ppe", T::Vocabulary("ppe"), "Protective equipment", "Équipement de protection").set(),
        field(22, "hazards", T::Vocabulary("hazards"), "Hazards", "Dangers").set(),
        field(23, "from_home", T::Boolean, "Can be done from home", "Réalisable à domicile"),
        field(24, "access_features", T::Enum(&ACCOMMODATION), "Access features", "Accessibilité").set(),
        field(25, "needs_vetting", T::Boolean, "Needs vetting", "Vérification exigée"),
        field(26, "minors_allowed", T::Boolean, "Minors allowed", "Mineurs admis"),
        field(27, "report_to", T::Text, "Report to", "Se présenter à").c2(),
        field(28, "report_at", T::Text, "Report at", "Lieu de rendez-vous").c2(),
        field(29, "report_time", T::Time, "Report time", "Heure de rendez-vous"),
        field(30, "supervisor", T::Reference(&[kinds::VOLUNTEER]), "Supervisor", "Responsable"),
        field(31, "radio_channel", T::Text, "Radio channel", "Canal radio"),
        field(32, "special_instructions", T::LongText, "Special instructions", "Consignes particulières").c2(),
        field(33, "status", T::Enum(&TASK_STATUS), "Status", "Statut").any().list(),
        field(34, "report", T::LongText, "Report", "Compte rendu").c2().any(),
        field(35, "languages", T::Language, "Languages wanted", "Langues demandées").set(),
    ],
};

#[rustfmt::skip]
pub static ASSIGNMENT: Kind = Kind {
    number: kinds::ASSIGNMENT,
    name: "assignment",
    prefix: None,
    label: Label { en: "Assignment", fr: "Affectation" },
    title: "task",
    alternative_when: None,
    fields: &[
        field(1, "task", T::Reference(&[kinds::TASK]), "Task", "Mission").list(),
        field(2, "slot", T::Element, "Slot", "Poste"),
        field(3, "volunteer", T::Reference(&[kinds::VOLUNTEER]), "Volunteer", "Bénévole").list(),
        field(4, "team", T::Reference(&[kinds::TEAM]), "Team", "Équipe").list(),
        field(5, "from", T::Time, "From", "Du").list(),
        field(6, "to", T::Time, "To", "Au").list(),
        field(7, "lease_until", T::Time, "Lease until", "Réservée jusqu’à"),
        field(8, "status", T::Enum(&ASSIGNMENT_STATUS), "Status", "Statut").any().list(),
        field(9, "told_by", T::Enum(&TOLD_BY), "Told by", "Prévenu par"),
        field(10, "told_by_whom", T::Text, "Told by whom", "Prévenu par qui").c2(),
        field(11, "reason", T::Text, "Reason", "Motif").c2().any(),
        field(12, "override_by", T::Text, "Override by", "Dérogation de").c2(),
        field(13, "override_reason", T::Text, "Override reason", "Motif de la dérogation").c2(),
        field(14, "override_of", T::Text, "Warnings overridden", "Alertes levées").set(),
    ],
};
