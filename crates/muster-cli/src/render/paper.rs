//! Printed pages: one HTML file with its own print rules, nothing fetched, both languages side by
//! side, readable in black and white and by a screen reader.

use std::fmt::Write as _;

use muster_model::table;
use serde_json::Value as Json;

use super::{list, number, text, values};
use crate::{
    Context,
    lang::{Lang, Words},
};

const STYLE: &str = "
@page { size: A4; margin: 14mm; }
* { box-sizing: border-box; }
body { font: 11pt/1.35 'DejaVu Sans', Verdana, Arial, sans-serif; color: #000; background: #fff; margin: 0 auto; max-width: 182mm; }
main > section { break-after: page; padding: 4mm 0; }
main > section:last-child { break-after: auto; }
h1 { font-size: 17pt; margin: 0 0 4mm; border-bottom: 2px solid #000; padding-bottom: 2mm; }
h2 { font-size: 12pt; margin: 5mm 0 1mm; }
[lang] + [lang].other::before { content: ' / '; }
.other { font-weight: normal; font-style: italic; }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 0; margin: 0; border: 1px solid #000; }
dl > div { border: 1px solid #000; padding: 1.2mm 2mm; min-height: 11mm; break-inside: avoid; }
dt { font-size: 8.5pt; }
dd { margin: 0; font-weight: bold; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; margin-top: 4mm; font-size: 9.5pt; }
caption { text-align: left; font-weight: bold; font-size: 12pt; padding-bottom: 1mm; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th, td { border: 1px solid #000; padding: 1mm 1.5mm; text-align: left; vertical-align: top; height: 8mm; overflow-wrap: anywhere; }
th { font-size: 8.5pt; background: #eee; }
p { white-space: pre-line; margin: 0; }
.sign { display: flex; gap: 8mm; margin-top: 14mm; }
.sign div { flex: 1; border-top: 1px solid #000; padding-top: 1mm; font-size: 8.5pt; }
footer { margin-top: 5mm; font-size: 8pt; border-top: 1px solid #000; padding-top: 1mm; }
.badge main { display: flex; flex-wrap: wrap; gap: 4mm; }
.badge main > section { width: 86mm; height: 56mm; border: 1.5px solid #000; border-radius: 3mm; padding: 4mm; break-after: auto; break-inside: avoid; }
.badge h1, .badge footer, .badge dt { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.badge dl, .badge dl > div { display: block; border: 0; padding: 0; min-height: 0; }
.badge dd { font-weight: normal; }
.badge .name dd { font-size: 20pt; font-weight: bold; line-height: 1.1; margin: 2mm 0; }
.badge .code dd { font: bold 14pt 'DejaVu Sans Mono', monospace; }
.notice article { break-inside: avoid; margin-bottom: 8mm; }
.notice article h2 { font-size: 34pt; line-height: 1.15; margin: 0 0 4mm; }
.notice article p { font-size: 26pt; line-height: 1.3; }
.notice h1 { font-size: 10pt; border: 0; }
.notice dl { border: 0; font-size: 10pt; display: block; }
.notice dl > div { border: 0; padding: 0; min-height: 0; }
";

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The languages of a page: that of the screen first.
struct Both<'a> {
    first: &'a Words,
    other: &'a Words,
}

fn tag(words: &Words) -> &'static str {
    match words.lang {
        Lang::En => "en",
        Lang::Fr => "fr",
    }
}

impl Both<'_> {
    /// Something in both languages; once where it is the same.
    fn both(&self, of: impl Fn(&Words) -> String) -> String {
        let (first, other) = (of(self.first), of(self.other));
        if first == other {
            return escape(&first);
        }
        format!(
            "<span lang=\"{}\">{}</span><span lang=\"{}\" class=\"other\">{}</span>",
            tag(self.first),
            escape(&first),
            tag(self.other),
            escape(&other)
        )
    }

    fn t(&self, key: &str) -> String {
        self.both(|w| w.t(key))
    }

    fn value(&self, v: &Json) -> String {
        if v.is_null() {
            return String::new();
        }
        if let Some(plain) = v.as_str() {
            return escape(plain);
        }
        if v.is_number() {
            return escape(&self.first.number(&v.to_string()));
        }
        let time = |name: &str| values::time(self.first, text(v, name));
        if v["time"].is_string() {
            return escape(&time("time"));
        }
        if v["minutes"].is_number() {
            let minutes = number(v, "minutes");
            return format!(
                "{}\u{a0}h\u{a0}{:02}",
                self.first.number(&(minutes / 60).to_string()),
                minutes % 60
            );
        }
        if v["field"].is_string() {
            let field = table::kind_named(text(v, "kind")).and_then(|k| k.named(text(v, "field")));
            return self.both(|w| values::value(w, field, &v["value"], &Json::Null));
        }
        let name = match text(v, "name") {
            "" => String::new(),
            name => format!("{}\u{a0}: ", escape(name)),
        };
        let span = super::agenda::span(self.first, text(v, "from"), text(v, "to"));
        format!("{name}{}", escape(&span))
    }
}

/// The whole file.
pub fn html(c: &Context<'_>, answer: &Json) -> String {
    let other = Words::new(match c.words.lang {
        Lang::En => Lang::Fr,
        Lang::Fr => Lang::En,
    });
    let both = Both {
        first: c.words,
        other: &other,
    };
    let form = text(answer, "form");
    let title = c.words.t(&format!("print-title-{form}"));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{} — {}</title>\n<style>{STYLE}</style>\n</head>\n<body class=\"{}\">\n<main>\n",
        tag(c.words),
        escape(&title),
        escape(text(answer, "incident")),
        escape(form),
    );
    let made = values::time(c.words, text(answer, "made"));
    for page in list(answer, "pages") {
        section(&mut out, &both, form, page);
        let device = text(answer, "device");
        let foot =
            both.both(|w| w.with("print-made", crate::args!["device" = device, "time" = made]));
        let _ = writeln!(out, "<footer>{foot}</footer>\n</section>");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Which fact of a badge is set large.
fn kind_of_fact(label: &str) -> &'static str {
    match label {
        "print-name" => "name",
        "print-badge" => "code",
        _ => "fact",
    }
}

fn section(out: &mut String, both: &Both<'_>, form: &str, page: &Json) {
    let _ = writeln!(out, "<section>\n<h1>{}</h1>", both.t(text(page, "title")));
    let notice = form == "notice";
    if notice {
        texts(out, both, page);
    }
    out.push_str("<dl>\n");
    for fact in list(page, "facts") {
        let label = text(fact, "label");
        let value = both.value(&fact["value"]);
        // On a card and on a notice there is no room for what is not known.
        if value.is_empty() && (notice || form == "badge") {
            continue;
        }
        let _ = writeln!(
            out,
            "<div class=\"{}\"><dt>{}</dt><dd>{value}</dd></div>",
            kind_of_fact(label),
            both.t(label)
        );
    }
    out.push_str("</dl>\n");
    if !notice {
        texts(out, both, page);
    }
    for table in list(page, "tables") {
        let _ = writeln!(
            out,
            "<table>\n<caption>{}</caption>\n<thead><tr>",
            both.t(text(table, "label"))
        );
        for column in list(table, "columns") {
            let _ = writeln!(
                out,
                "<th scope=\"col\">{}</th>",
                both.t(column.as_str().unwrap_or_default())
            );
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        let rows: Vec<&Json> = list(table, "rows").collect();
        for row in &rows {
            let cells: Vec<_> = row.as_array().into_iter().flatten().collect();
            let cells: String = cells
                .iter()
                .map(|v| format!("<td>{}</td>", both.value(v)))
                .collect();
            let _ = writeln!(out, "<tr>{cells}</tr>");
        }
        if rows.is_empty() {
            let wide = list(table, "columns").count();
            let _ = writeln!(
                out,
                "<tr><td colspan=\"{wide}\">{}</td></tr>",
                both.t("print-none")
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }
    let signs: Vec<_> = list(page, "signs").filter_map(Json::as_str).collect();
    if !signs.is_empty() {
        let lines: String = signs
            .iter()
            .map(|s| format!("<div>{}</div>", both.t(s)))
            .collect();
        let _ = writeln!(out, "<div class=\"sign\">{lines}</div>");
    }
}

fn texts(out: &mut String, both: &Both<'_>, page: &Json) {
    for said in list(page, "texts") {
        let words = escape(text(said, "text"));
        match text(said, "label") {
            "" => {
                let language = match text(said, "language") {
                    "" => String::new(),
                    tag => format!(" lang=\"{}\" dir=\"auto\"", escape(tag)),
                };
                let title = match text(said, "title") {
                    "" => String::new(),
                    title => format!("<h2>{}</h2>", escape(title)),
                };
                let _ = writeln!(out, "<article{language}>{title}<p>{words}</p></article>");
            }
            label => {
                let _ = writeln!(out, "<h2>{}</h2>\n<p>{words}</p>", both.t(label));
            }
        }
    }
}
