//! Closed lists of codes, with their labels. Closed, because two incidents with statuses of their
//! own could not be merged; what an incident may extend is a vocabulary, not an enum.

use super::{Enumeration, Label};

macro_rules! enumeration {
    ($($(#[$doc:meta])* $id:ident $name:literal { $($code:literal $en:literal $fr:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        pub static $id: Enumeration = Enumeration {
            name: $name,
            values: &[$(($code, Label { en: $en, fr: $fr })),*],
        };
    )*};
}

enumeration! {
    /// Kinds of organisation.
    ORGANISATION_KIND "organisation_kind" {
        "ngo" "NGO" "ONG",
        "government" "Government" "Service public",
        "company" "Company" "Entreprise",
        "university" "University" "Université",
        "community" "Community group" "Groupe communautaire",
        "diaspora-network" "Diaspora network" "Réseau de la diaspora",
    }
    /// How a volunteer came.
    VOLUNTEER_KIND "volunteer_kind" {
        "registered" "Registered beforehand" "Inscrit à l’avance",
        "spontaneous" "Spontaneous" "Spontané",
        "staff" "Staff" "Personnel salarié",
    }
    /// Skill levels, lowest first.
    LEVEL "level" {
        "basic" "Basic" "Notions",
        "trained" "Trained" "Formé",
        "experienced" "Experienced" "Expérimenté",
        "professional" "Professional" "Professionnel",
    }
    /// Whether someone works from home.
    FROM_HOME "from_home" {
        "also" "From home too" "À domicile aussi",
        "only" "From home only" "À domicile seulement",
        "no" "On site only" "Sur place seulement",
    }
    /// Access features of a place, and accommodations of a person.
    ACCOMMODATION "accommodation" {
        "step-free" "Step-free access" "Accès de plain-pied",
        "seated" "Seated work" "Travail assis",
        "screen-reader" "Works with a screen reader" "Compatible lecteur d’écran",
        "sign-language" "Sign language" "Langue des signes",
        "large-print" "Large print" "Gros caractères",
        "quiet-room" "Quiet room" "Pièce calme",
        "hearing-loop" "Hearing loop" "Boucle magnétique",
        "accessible-toilet" "Accessible toilet" "Toilettes accessibles",
        "assistant" "Room for an assistant" "Accompagnant accueilli",
        "short-shifts" "Short shifts" "Horaires courts",
    }
    /// Means of transport.
    TRANSPORT "transport" {
        "none" "None" "Aucun",
        "foot" "On foot" "À pied",
        "bicycle" "Bicycle" "Vélo",
        "motorbike" "Motorbike" "Moto",
        "car" "Car" "Voiture",
        "four-wheel-drive" "Four-wheel drive" "Véhicule tout-terrain",
        "van" "Van" "Camionnette",
        "lorry" "Lorry" "Camion",
        "boat" "Boat" "Bateau",
        "public" "Public transport" "Transports en commun",
    }
    /// Kinds of vetting.
    VETTING_CHECK "vetting_check" {
        "identity" "Identity" "Identité",
        "criminal-record" "Criminal record" "Casier judiciaire",
        "references" "References" "Références",
        "licence" "Professional licence" "Diplôme ou agrément",
        "child-safeguarding" "Child safeguarding" "Protection de l’enfance",
        "medical" "Medical fitness" "Aptitude médicale",
    }
    /// Results of vetting.
    VETTING_RESULT "vetting_result" {
        "pending" "Pending" "En cours",
        "passed" "Passed" "Favorable",
        "restricted" "Passed with limits" "Favorable avec réserve",
        "failed" "Failed" "Défavorable",
    }
    /// The word that sums up vetting.
    CLEARANCE "clearance" {
        "cleared" "Cleared" "Autorisé",
        "limited" "Limited" "Autorisé sous conditions",
        "not-to-be-assigned" "Not to be assigned" "Ne pas affecter",
    }
    /// Where a volunteer stands.
    VOLUNTEER_STATUS "volunteer_status" {
        "registered" "Registered" "Inscrit",
        "active" "Active" "Actif",
        "standing-by" "Standing by" "En réserve",
        "stood-down" "Stood down" "Relevé",
        "left" "Left" "Parti",
    }
    /// Where a team stands.
    TEAM_STATUS "team_status" {
        "standby" "Standby" "En attente",
        "deployed" "Deployed" "Déployée",
        "returning" "Returning" "Sur le retour",
        "overdue" "Overdue" "En retard",
        "stood-down" "Stood down" "Relevée",
    }
    /// Kinds of site.
    SITE_KIND "site_kind" {
        "base" "Base" "Base",
        "staging-area" "Staging area" "Zone de rassemblement",
        "icp" "Incident command post" "Poste de commandement",
        "helibase" "Helibase" "Base hélicoptère",
        "shelter" "Shelter" "Centre d’hébergement",
        "camp" "Camp" "Camp",
        "telecentre" "Telecentre" "Télécentre",
        "warehouse" "Warehouse" "Entrepôt",
        "worksite" "Worksite" "Chantier",
        "other" "Other" "Autre",
    }
    /// How soon something matters, most urgent first.
    PRIORITY "priority" {
        "urgent" "Urgent" "Urgente",
        "high" "High" "Haute",
        "normal" "Normal" "Normale",
        "low" "Low" "Basse",
    }
    /// When a need must be met.
    TIMEFRAME "timeframe" {
        "0-12-h" "0-12 h" "0-12 h",
        "12-24-h" "12-24 h" "12-24 h",
        "1-2-d" "1-2 days" "1-2 jours",
        "2-4-d" "2-4 days" "2-4 jours",
        "5-7-d" "5-7 days" "5-7 jours",
        "later" "Later" "Plus tard",
    }
    /// Where a need stands.
    NEED_STATUS "need_status" {
        "reported" "Reported" "Signalé",
        "verified" "Verified" "Vérifié",
        "open" "Open" "Ouvert",
        "partly-met" "Partly met" "Satisfait en partie",
        "met" "Met" "Satisfait",
        "closed" "Closed" "Clos",
    }
    /// Why a need was closed.
    CLOSED_AS "closed_as" {
        "completed" "Completed" "Terminé",
        "done-by-others" "Done by others" "Fait par d’autres",
        "no-longer-needed" "No longer needed" "Devenu sans objet",
        "out-of-scope" "Out of scope" "Hors de notre mission",
        "no-help-wanted" "No help wanted" "Aide refusée",
        "unreachable" "Unreachable" "Injoignable",
        "duplicate" "Duplicate" "Doublon",
        "rejected" "Rejected" "Rejeté",
    }
    /// Marks on a need.
    FLAG "flag" {
        "duplicate" "Duplicate" "Doublon",
        "wrong-place" "Wrong place" "Lieu erroné",
        "unsafe" "Unsafe" "Dangereux",
        "follow-up" "Follow up" "À suivre",
    }
    /// How a report came in.
    SOURCE "source" {
        "phone" "Phone" "Téléphone",
        "walk-in" "Walk-in" "Sur place",
        "sms" "SMS" "SMS",
        "form" "Form" "Formulaire",
        "radio" "Radio" "Radio",
        "other-system" "Other system" "Autre système",
    }
    /// Where a line of a need stands.
    LINE_STATUS "line_status" {
        "requested" "Requested" "Demandée",
        "approved" "Approved" "Approuvée",
        "ordered" "Ordered" "Commandée",
        "shipped" "Shipped" "Expédiée",
        "received" "Received" "Reçue",
        "cancelled" "Cancelled" "Annulée",
    }
    /// Where a task stands.
    TASK_STATUS "task_status" {
        "draft" "Draft" "Brouillon",
        "open" "Open" "Ouverte",
        "assigned" "Assigned" "Affectée",
        "in-progress" "In progress" "En cours",
        "blocked" "Blocked" "Bloquée",
        "on-hold" "On hold" "En pause",
        "completed" "Completed" "Terminée",
        "cancelled" "Cancelled" "Annulée",
    }
    /// Where an assignment stands.
    ASSIGNMENT_STATUS "assignment_status" {
        "offered" "Offered" "Proposée",
        "delivered" "Delivered" "Remise",
        "acknowledged" "Acknowledged" "Acceptée",
        "on-site" "On site" "Sur place",
        "done" "Done" "Accomplie",
        "declined" "Declined" "Refusée",
        "withdrawn" "Withdrawn" "Retirée",
        "no-show" "No-show" "Absence",
    }
    /// How somebody was told.
    TOLD_BY "told_by" {
        "device" "Own device" "Appareil personnel",
        "voice" "By voice" "De vive voix",
        "radio" "By radio" "Par radio",
        "paper" "On paper" "Sur papier",
    }
    /// Kinds of event.
    EVENT_KIND "event_kind" {
        "shift" "Shift" "Vacation",
        "briefing" "Briefing" "Point de situation",
        "meeting" "Meeting" "Réunion",
        "training" "Training" "Formation",
        "distribution" "Distribution" "Distribution",
        "operational-period" "Operational period" "Période opérationnelle",
    }
    /// How often an event comes back.
    REPEATS "repeats" {
        "once" "Once" "Une fois",
        "daily" "Daily" "Chaque jour",
        "weekly" "Weekly" "Chaque semaine",
        "monthly" "Monthly" "Chaque mois",
    }
    /// To whom a message goes.
    MESSAGE_TO "message_to" {
        "everyone" "Everyone" "Tout le monde",
        "role" "A role" "Une fonction",
        "site" "A site" "Un site",
        "team" "A team" "Une équipe",
        "person" "A person" "Une personne",
    }
    /// Who may read a piece of information.
    AUDIENCE "audience" {
        "members" "Members" "Membres",
        "public" "Public" "Public",
    }
    /// Where an activity stands.
    ACTIVITY_STATUS "activity_status" {
        "planned" "Planned" "Prévue",
        "ongoing" "Ongoing" "En cours",
        "done" "Done" "Achevée",
    }
}
