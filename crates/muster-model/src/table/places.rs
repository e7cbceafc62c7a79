//! Table lines: sites and check-ins. Nothing but data.

use muster_log::ids::Class;

use super::{ACCOMMODATION, FieldType as T, Kind, Label, SITE_KIND, When, field, kinds};

#[rustfmt::skip]
pub static SITE: Kind = Kind {
    number: kinds::SITE,
    name: "site",
    prefix: None,
    label: Label { en: "Site", fr: "Site" },
    title: "name",
    alternative_when: Some(("confidential", When::True)),
    fields: &[
        field(1, "name", T::Text, "Name", "Nom").list(),
        field(2, "kind", T::Enum(&SITE_KIND), "Kind", "Type").list(),
        field(3, "place", T::Place, "Place", "Lieu").or(Class::C2).list(),
        field(4, "confidential", T::Boolean, "Place is confidential", "Lieu confidentiel"),
        field(5, "area", T::Text, "Area", "Zone").list(),
        field(6, "access_features", T::Enum(&ACCOMMODATION), "Access features", "Accessibilité").set(),
        field(7, "services", T::Text, "Services", "Services").set(),
        field(8, "contact", T::Text, "Contact", "Contact").c2(),
        field(9, "capacity", T::Integer(0, 10_000_000), "Capacity", "Capacité").list(),
        field(10, "open_hours", T::Hours, "Open hours", "Heures d’ouverture").set(),
        field(11, "sectors", T::Vocabulary("sectors"), "Sectors", "Secteurs").set(),
        field(12, "description", T::LongText, "Description", "Description"),
        field(13, "organisation", T::Reference(&[kinds::ORGANISATION]), "Run by", "Géré par"),
        field(14, "external_id", T::Text, "Id in another system", "Identifiant externe"),
        field(15, "closed", T::Boolean, "Closed", "Fermé"),
    ],
};

#[rustfmt::skip]
pub static CHECK_IN: Kind = Kind {
    number: kinds::CHECK_IN,
    name: "check-in",
    prefix: None,
    label: Label { en: "Check-in", fr: "Pointage" },
    title: "person",
    alternative_when: None,
    fields: &[
        field(1, "person", T::Reference(&[kinds::VOLUNTEER]), "Person", "Personne").any().list(),
        field(2, "site", T::Reference(&[kinds::SITE]), "Site", "Site").any().list(),
        field(3, "in", T::Time, "In", "Arrivée").any().list(),
        field(4, "out", T::Time, "Out", "Départ").any().list(),
        field(5, "order_no", T::Text, "Order no.", "N° d’ordre").any(),
        field(6, "home_unit", T::Text, "Home unit", "Unité d’origine").any(),
        field(7, "party_size", T::Integer(1, 100_000), "Party size", "Effectif du groupe").any(),
        field(8, "party_leader", T::Text, "Party leader", "Responsable du groupe").c2().any(),
        field(9, "departed_from", T::Text, "Departed from", "Parti de").any(),
        field(10, "departed_at", T::Time, "Departed at", "Parti à").any(),
        field(11, "travel", T::Text, "Method of travel", "Moyen de déplacement").any(),
        field(12, "assignment", T::Reference(&[kinds::ASSIGNMENT]), "Assignment", "Affectation").any(),
        field(13, "released_by", T::Text, "Released by", "Libéré par").any(),
        field(14, "released_at", T::Time, "Released at", "Libéré à").any(),
        field(15, "arrived_home", T::Time, "Arrived home", "Rentré à").any(),
        field(16, "notes", T::LongText, "Notes", "Remarques").c2().any(),
        field(17, "override_by", T::Text, "Override by", "Dérogation de").c2().any(),
        field(18, "override_reason", T::Text, "Override reason", "Motif de la dérogation").c2().any(),
        field(19, "override_of", T::Text, "Warnings overridden", "Alertes levées").set().any(),
    ],
};
