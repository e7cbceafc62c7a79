//! Alerts in the Common Alerting Protocol 1.2: read, checked, and made into texts for people.
//!
//! One text a language, as the alert brings them. What an alert says of polygons and parameters for
//! machines is left out; what it asks people to do is not.

use jiff::Timestamp;
use muster_node::api::FieldInput;
use thiserror::Error;

/// Longest alert that is read, in bytes.
pub const MAX_ALERT: usize = 1 << 20;
/// The namespace of version 1.2.
const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";
/// Most blocks of one alert.
const MAX_BLOCKS: usize = 32;
/// Longest title made of a headline, in letters.
const TITLE: usize = 160;

/// Why a file is no alert that can be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AlertError {
    /// Over [`MAX_ALERT`].
    #[error("longer than {MAX_ALERT} bytes")]
    TooLong,
    /// Not UTF-8, or not XML.
    #[error("not XML: {0}")]
    Xml(String),
    /// Another kind of document, or another version.
    #[error("not an alert of CAP 1.2")]
    NotAlert,
    /// An element that the standard demands.
    #[error("<{0}> is missing")]
    Missing(&'static str),
    /// A value that the standard does not know.
    #[error("<{element}> says {given:?}")]
    Value {
        element: &'static str,
        given: String,
    },
    /// More blocks than any honest alert.
    #[error("more than {MAX_BLOCKS} blocks <info>")]
    Blocks,
}

/// What an alert wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// To be shown; an update also takes back what it refers to.
    Shown,
    /// To take back what it refers to.
    TakenBack,
    /// Nothing of people: an exercise, a test, an answer between machines.
    Nothing(&'static str),
}

/// An alert, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// What it wants.
    pub wants: Wants,
    /// Its name among all alerts: sender, identifier, sent.
    pub name: String,
    /// When it was sent.
    pub sent: String,
    /// Names of the alerts that it updates or cancels.
    pub references: Vec<String>,
    /// One for each block: the fields of the information, its translation left out.
    pub blocks: Vec<Vec<FieldInput>>,
}

type Node<'a> = roxmltree::Node<'a, 'a>;

fn one<'a>(node: Node<'a>, name: &str) -> Option<String> {
    let mut all = many(node, name);
    (!all.is_empty()).then(|| all.remove(0))
}

fn many(node: Node<'_>, name: &str) -> Vec<String> {
    node.children()
        .filter(|c| c.is_element() && c.tag_name().name() == name)
        .map(|c| {
            let text: String = c.children().filter_map(|t| t.text()).collect();
            text.trim().to_owned()
        })
        .filter(|t| !t.is_empty())
        .collect()
}

fn must(node: Node<'_>, name: &'static str) -> Result<String, AlertError> {
    one(node, name).ok_or(AlertError::Missing(name))
}

fn among(node: Node<'_>, name: &'static str, known: &[&str]) -> Result<String, AlertError> {
    let given = must(node, name)?;
    if known.contains(&given.as_str()) {
        return Ok(given);
    }
    Err(AlertError::Value {
        element: name,
        given,
    })
}

/// A moment with its offset, as RFC 3339 in UTC.
fn moment(name: &'static str, given: &str) -> Result<String, AlertError> {
    given
        .parse::<Timestamp>()
        .map(|t| t.to_string())
        .map_err(|_| AlertError::Value {
            element: name,
            given: given.to_owned(),
        })
}

const CATEGORIES: [&str; 12] = [
    "Geo",
    "Met",
    "Safety",
    "Security",
    "Rescue",
    "Fire",
    "Health",
    "Env",
    "Transport",
    "Infra",
    "CBRNE",
    "Other",
];
const URGENCY: [&str; 5] = ["Immediate", "Expected", "Future", "Past", "Unknown"];
const SEVERITY: [&str; 5] = ["Extreme", "Severe", "Moderate", "Minor", "Unknown"];
const CERTAINTY: [&str; 5] = ["Observed", "Likely", "Possible", "Unlikely", "Unknown"];

/// Reads an alert.
pub fn read(bytes: &[u8]) -> Result<Alert, AlertError> {
    if bytes.len() > MAX_ALERT {
        return Err(AlertError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|e| AlertError::Xml(e.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Documents that bring definitions of their own are refused: that is the parser's default.
    let document = roxmltree::Document::parse(text).map_err(|e| AlertError::Xml(e.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "alert" || root.tag_name().namespace() != Some(NAMESPACE) {
        return Err(AlertError::NotAlert);
    }
    let (identifier, sender) = (must(root, "identifier")?, must(root, "sender")?);
    let said = must(root, "sent")?;
    let sent = moment("sent", &said)?;
    let status = among(
        root,
        "status",
        &["Actual", "Exercise", "System", "Test", "Draft"],
    )?;
    let kind = among(
        root,
        "msgType",
        &["Alert", "Update", "Cancel", "Ack", "Error"],
    )?;
    let scope = among(root, "scope", &["Public", "Restricted", "Private"])?;
    let wants = match (status.as_str(), kind.as_str()) {
        ("Actual", "Alert" | "Update") => Wants::Shown,
        ("Actual", "Cancel") => Wants::TakenBack,
        ("Actual", _) => Wants::Nothing("answer"),
        _ => Wants::Nothing("exercise"),
    };
    let references = one(root, "references").unwrap_or_default();
    let references = references
        .split_whitespace()
        .filter_map(|r| {
            let mut parts = r.rsplitn(3, ',');
            let (sent, identifier, sender) = (parts.next()?, parts.next()?, parts.next()?);
            Some(name(sender, identifier, &moment("references", sent).ok()?))
        })
        .collect();
    let infos: Vec<Node<'_>> = root
        .children()
        .filter(|c| c.is_element() && c.tag_name().name() == "info")
        .collect();
    if infos.len() > MAX_BLOCKS {
        return Err(AlertError::Blocks);
    }
    let blocks = infos
        .into_iter()
        .map(|info| block(info, scope == "Public"))
        .collect::<Result<Vec<_>, _>>()?;
    if blocks.is_empty() && wants == Wants::Shown {
        return Err(AlertError::Missing("info"));
    }
    Ok(Alert {
        wants,
        name: name(&sender, &identifier, &sent),
        sent,
        references,
        blocks,
    })
}

fn name(sender: &str, identifier: &str, sent: &str) -> String {
    format!("cap:{sender},{identifier},{sent}")
}

/// The words around what an alert says, in its own language where that is French, else in English.
struct Around {
    codes: bool,
    area: &'static str,
    todo: &'static str,
    from: &'static str,
    more: &'static str,
}

const ENGLISH: Around = Around {
    codes: false,
    area: "Where: ",
    todo: "What to do: ",
    from: "From: ",
    more: "More: ",
};
const FRENCH: Around = Around {
    codes: true,
    area: "Où\u{a0}: ",
    todo: "Que faire\u{a0}: ",
    from: "Émetteur\u{a0}: ",
    more: "En savoir plus\u{a0}: ",
};

fn french(code: &str) -> &str {
    match code {
        "Immediate" => "immédiate",
        "Expected" => "dans l’heure qui vient",
        "Future" => "à venir",
        "Past" => "passée",
        "Extreme" => "extrême",
        "Severe" => "grave",
        "Moderate" => "modérée",
        "Minor" => "mineure",
        "Observed" => "constatée",
        "Likely" => "probable",
        "Possible" => "possible",
        "Unlikely" => "peu probable",
        "Unknown" => "inconnue",
        other => other,
    }
}

fn degrees(around: &Around, severity: &str, urgency: &str, certainty: &str) -> String {
    match around.codes {
        false => format!("Severity: {severity}. Urgency: {urgency}. Certainty: {certainty}."),
        true => format!(
            "Gravité\u{a0}: {}. Urgence\u{a0}: {}. Certitude\u{a0}: {}.",
            french(severity),
            french(urgency),
            french(certainty)
        ),
    }
}

fn block(info: Node<'_>, public: bool) -> Result<Vec<FieldInput>, AlertError> {
    among(info, "category", &CATEGORIES)?;
    let event = must(info, "event")?;
    let urgency = among(info, "urgency", &URGENCY)?;
    let severity = among(info, "severity", &SEVERITY)?;
    let certainty = among(info, "certainty", &CERTAINTY)?;
    // The standard's own default.
    let language = one(info, "language").unwrap_or_else(|| "en-US".to_owned());
    let around = match language.to_ascii_lowercase().starts_with("fr") {
        true => FRENCH,
        false => ENGLISH,
    };
    let areas: Vec<String> = info
        .children()
        .filter(|c| c.is_element() && c.tag_name().name() == "area")
        .map(|area| must(area, "areaDesc"))
        .collect::<Result<_, _>>()?;
    let headline = one(info, "headline").unwrap_or_else(|| event.clone());
    let mut lines = Vec::new();
    lines.extend(one(info, "description"));
    lines.extend(one(info, "instruction").map(|i| format!("{}{i}", around.todo)));
    if !areas.is_empty() {
        lines.push(format!("{}{}", around.area, areas.join("; ")));
    }
    lines.push(degrees(&around, &severity, &urgency, &certainty));
    lines.extend(one(info, "senderName").map(|s| format!("{}{s}", around.from)));
    lines.extend(one(info, "web").map(|w| format!("{}{w}", around.more)));
    let title: String = headline.chars().take(TITLE).collect();
    let mut out = vec![
        input("title", title),
        input("topic", event),
        input("text", lines.join("\n\n")),
        input("language", language),
        input(
            "audience",
            if public { "public" } else { "members" }.to_owned(),
        ),
        input("pinned", "yes".to_owned()),
    ];
    if let Some(given) = one(info, "expires") {
        out.push(input("expires", moment("expires", &given)?));
    }
    Ok(out)
}

fn input(name: &str, value: String) -> FieldInput {
    FieldInput {
        name: name.to_owned(),
        value: value.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const FLOOD: &str = include_str!("../../../../tests/data/alerts/flood.xml");

    fn field<'a>(block: &'a [FieldInput], name: &str) -> &'a str {
        let found = block.iter().find(|f| f.name == name);
        found.and_then(|f| f.value.as_str()).unwrap_or_default()
    }

    #[test]
    fn an_alert_becomes_one_text_a_language() {
        let alert = read(FLOOD.as_bytes()).unwrap();
        assert_eq!(alert.wants, Wants::Shown);
        assert_eq!(
            alert.name,
            "cap:weather@invented.example,INV-2030-001,2030-01-01T05:00:00Z"
        );
        let (en, fr) = (&alert.blocks[0], &alert.blocks[1]);
        assert_eq!(alert.blocks.len(), 2);
        assert_eq!(field(en, "title"), "Flood warning for the lower river");
        assert_eq!(field(fr, "language"), "fr");
        assert_eq!(field(fr, "audience"), "public");
        assert_eq!(field(en, "expires"), "2030-01-02T00:00:00Z");
        assert!(field(en, "text").contains("What to do: Move to higher ground"));
        assert!(field(fr, "text").contains("Gravité\u{a0}: grave. Urgence\u{a0}: immédiate."));
        assert!(field(fr, "text").contains("Où\u{a0}: Basse vallée; Port inventé"));
    }

    #[test]
    fn what_is_no_alert_is_refused_by_name() {
        let with = |from: &str, to: &str| read(FLOOD.replace(from, to).as_bytes());
        assert_eq!(
            with("<sender>weather@invented.example</sender>", ""),
            Err(AlertError::Missing("sender"))
        );
        assert_eq!(
            with(">Severe<", ">Bad<"),
            Err(AlertError::Value {
                element: "severity",
                given: "Bad".into()
            })
        );
        assert_eq!(with("cap:1.2", "cap:1.1"), Err(AlertError::NotAlert));
        assert!(matches!(with("</alert>", ""), Err(AlertError::Xml(_))));
        assert_eq!(
            with("2030-01-01T06:00:00+01:00", "2030-01-01"),
            Err(AlertError::Value {
                element: "sent",
                given: "2030-01-01".into()
            })
        );
        // Definitions of entities are not read at all.
        let bomb = with(
            "<alert ",
            "<!DOCTYPE alert [<!ENTITY a \"aaaaaaaaaa\">]><alert ",
        );
        assert!(matches!(bomb, Err(AlertError::Xml(_))), "{bomb:?}");
        assert_eq!(read(&vec![b' '; MAX_ALERT + 1]), Err(AlertError::TooLong));
        assert_eq!(
            with(">Actual<", ">Exercise<").unwrap().wants,
            Wants::Nothing("exercise")
        );
    }
}
