//! Words of the sample operation, English and French mixed. Nothing here is real.

pub(super) const FIRSTS: [&str; 24] = [
    "Ada",
    "Basile",
    "Clémence",
    "Dario",
    "Élodie",
    "Farid",
    "Grace",
    "Hélène",
    "Ismaël",
    "Joan",
    "Kofi",
    "Lina",
    "Moïse",
    "Nadège",
    "Omar",
    "Priya",
    "Quentin",
    "Rose",
    "Samuel",
    "Thérèse",
    "Ulysse",
    "Vera",
    "Wilner",
    "Yasmine",
];

pub(super) const FAMILIES: [&str; 20] = [
    "Testwell",
    "Sampleton",
    "Mockridge",
    "Placeholt",
    "Invented",
    "Nobodie",
    "Specimen",
    "Fictive-Jones",
    "Madeup",
    "Example",
    "Factice",
    "Delexemple",
    "Desessais",
    "Imaginaire",
    "Dufictif",
    "Supposé",
    "Lemodèle",
    "Personne-Ici",
    "Inventé",
    "Ébauche",
];

pub(super) const AREAS: [&str; 10] = [
    "North Shore",
    "Haut-Coteau",
    "Old Mill",
    "Bas-du-Port",
    "Station Quarter",
    "La Saline-Neuve",
    "Eastfield",
    "Trois-Ponts",
    "Harbour Lane",
    "Belle-Colline",
];

pub(super) const ORGANISATIONS: [&str; 8] = [
    "Sample Relief",
    "Secours Exemplaires",
    "Specimen University",
    "Réseau Modèle de la diaspora",
    "Example Water Works",
    "Comité de quartier fictif",
    "Mock Builders Ltd",
    "Ville d’Essai",
];

pub(super) const SITES: [&str; 8] = [
    "Gymnasium",
    "École primaire",
    "Sports ground",
    "Salle des fêtes",
    "Warehouse",
    "Télécentre",
    "Community hall",
    "Camp du stade",
];

pub(super) const SKILLS: [&str; 16] = [
    "first-aid",
    "nursing",
    "cooking",
    "driving-lorry",
    "chainsaw",
    "carpentry",
    "translation",
    "interpreting",
    "water-treatment",
    "warehouse",
    "radio",
    "data-entry",
    "child-care",
    "mapping",
    "electrical",
    "cleaning",
];

pub(super) const NEEDS: [(&str, &str, &str); 12] = [
    ("Drinking water for a street", "wash", "drinking-water"),
    ("Bâches pour toits arrachés", "shelter", "tarpaulin"),
    ("Hot meals for a shelter", "food-security", "hot-meal"),
    ("Couvertures pour familles", "shelter", "blanket"),
    ("Infant formula", "nutrition", "infant-formula"),
    ("Kits d’hygiène", "wash", "hygiene-kit"),
    ("Medicines for chronic patients", "health", "medicines"),
    ("Moustiquaires", "health", "mosquito-net"),
    ("Fuel for a clinic’s generator", "logistics", "fuel"),
    ("Fournitures scolaires", "education", "school-kit"),
    (
        "Phone charging point",
        "emergency-telecommunications",
        "phone-charging",
    ),
    ("Lits de camp pour personnes âgées", "shelter", "camp-bed"),
];

pub(super) const TASKS: [&str; 10] = [
    "Hand out water",
    "Déblayer la rue",
    "Cook the evening meal",
    "Bâcher les toits",
    "Register arrivals",
    "Tenir l’accueil téléphonique",
    "Unload the lorry",
    "Interpréter à la consultation",
    "Check on people living alone",
    "Installer les tentes",
];

pub(super) const NOTES: [&str; 6] = [
    "Enter by the yard behind the bakery; the front stairs are cracked and must not be used.",
    "Passer par la cour. Prévenir la gardienne avant d’entrer, elle a la clé du portail.",
    "Two families share the ground floor. One person walks with difficulty and needs help first.",
    "La route est coupée après le pont : venir à pied depuis la place, dix minutes.",
    "Ask for the shift leader at the tent with the green flag and sign the sheet on leaving.",
    "Apporter gants et eau. Relève prévue à la tombée du jour, pas de travail de nuit.",
];
