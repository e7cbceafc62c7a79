//! A map drawn from coordinates alone: no tiles, no network, black on white.
//!
//! Points keep their distances (a flat projection that is true near the middle of the map, which does
//! for the areas that one operation covers); a bar says how long a kilometre is. Each point has its
//! name beside it where it fits, else a number that the list below explains. Shapes say what kind of
//! site it is, so that nothing depends on colour.

use std::fmt::Write as _;

use muster_model::table;
use serde_json::Value as Json;

use super::{list, number, text, values};
use crate::{Context, args};

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 700.0;
const MARGIN: f64 = 60.0;
const TOP: f64 = 70.0;
/// Metres of one degree of latitude.
const METRES: f64 = 111_320.0;
/// The least that a map shows, in metres: one site alone needs some ground around it.
const LEAST: f64 = 400.0;
const FONT: f64 = 15.0;
/// About the width of a letter of the label font.
const LETTER: f64 = 8.2;
/// Letters of a name on the map.
const NAME: usize = 28;

struct Point {
    x: f64,
    y: f64,
    name: String,
    kind: String,
    label: String,
    tasks: u64,
    people: u64,
    lat: f64,
    lon: f64,
}

#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    fn inside(&self) -> bool {
        self.left >= 4.0 && self.right <= WIDTH - 4.0 && self.top >= TOP && self.bottom <= HEIGHT
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn short_name(name: &str) -> String {
    match name.chars().count() > NAME {
        true => format!(
            "{}…",
            name.chars().take(NAME - 1).collect::<String>().trim_end()
        ),
        false => name.to_owned(),
    }
}

/// The points of an answer, placed, and how many pixels a metre is.
fn place(c: &Context<'_>, answer: &Json) -> (Vec<Point>, f64) {
    let field = table::kind_named("site").and_then(|k| k.named("kind"));
    let raw: Vec<(f64, f64, &Json)> = list(answer, "map")
        .filter_map(|p| Some((p["lat"].as_f64()?, p["lon"].as_f64()?, p)))
        .collect();
    let range = |of: &dyn Fn(&(f64, f64, &Json)) -> f64| {
        let low = raw.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = raw.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let (west, east) = range(&|p| p.1);
    // Both sides of the 180th meridian: the east goes on where the west ends.
    let turn = |lon: f64| {
        if east - west > 180.0 && lon < 0.0 {
            lon + 360.0
        } else {
            lon
        }
    };
    let (south, north) = range(&|p| p.0);
    let (west, east) = range(&|p| turn(p.1));
    let middle = ((south + north) / 2.0, (west + east) / 2.0);
    let shrink = middle.0.to_radians().cos().max(0.01);
    let wide = ((east - west) * METRES * shrink).max(LEAST);
    let high = ((north - south) * METRES).max(LEAST);
    let scale = ((WIDTH - 2.0 * MARGIN - 140.0) / wide).min((HEIGHT - TOP - 2.0 * MARGIN) / high);
    let centre = (WIDTH / 2.0, f64::midpoint(TOP, HEIGHT - 20.0));
    let points = raw.into_iter().map(|(lat, lon, p)| Point {
        x: centre.0 + (turn(lon) - middle.1) * METRES * shrink * scale,
        y: centre.1 - (lat - middle.0) * METRES * scale,
        name: text(p, "name").to_owned(),
        kind: text(p, "kind").to_owned(),
        label: values::value(c.words, field, &p["kind"], &Json::Null),
        tasks: number(p, "tasks"),
        people: number(p, "people"),
        lat,
        lon,
    });
    (points.collect(), scale)
}

/// Where a label of a width may stand beside a point, the best place first: its start, its baseline,
/// and what it covers.
fn places(point: &Point, width: f64) -> Vec<(f64, f64, Area)> {
    let mut out = Vec::new();
    for far in [0.0, 14.0, 30.0, 52.0, 80.0] {
        for (dx, dy) in [
            (13.0 + far, 5.0),
            (-13.0 - far - width, 5.0),
            (-width / 2.0, -14.0 - far),
            (-width / 2.0, 25.0 + far),
            (11.0 + far, -11.0 - far),
            (11.0 + far, 21.0 + far),
            (-11.0 - far - width, -11.0 - far),
            (-11.0 - far - width, 21.0 + far),
        ] {
            let (x, y) = (point.x + dx, point.y + dy);
            let covers = Area {
                left: x - 2.0,
                top: y - FONT,
                right: x + width + 2.0,
                bottom: y + 5.0,
            };
            out.push((x, y, covers));
        }
    }
    out
}

/// A thin line to a label that stands away from its point, so that nobody has to guess.
fn leader(point: &Point, (x, y): (f64, f64), label: &str) -> String {
    let width = label.chars().count() as f64 * LETTER;
    // The nearest place of the label's box.
    let to = (
        point.x.clamp(x, x + width),
        point.y.clamp(y - FONT + 3.0, y + 2.0),
    );
    let (dx, dy) = (to.0 - point.x, to.1 - point.y);
    let far = dx.hypot(dy);
    if far < 20.0 {
        return String::new();
    }
    let from = (point.x + dx / far * 10.0, point.y + dy / far * 10.0);
    format!(
        "<path d=\"M{:.1} {:.1} L{:.1} {:.1}\" stroke=\"#555\" stroke-width=\"1\"/>",
        from.0, from.1, to.0, to.1
    )
}

/// The sign of a kind of site.
fn shape(kind: &str, x: f64, y: f64) -> String {
    let poly = |points: &[(f64, f64)], fill: &str| {
        let all: Vec<_> = points
            .iter()
            .map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy))
            .collect();
        format!(
            "<polygon points=\"{}\" fill=\"{fill}\" stroke=\"#000\" stroke-width=\"2\"/>",
            all.join(" ")
        )
    };
    let square = [(-7.0, -7.0), (7.0, -7.0), (7.0, 7.0), (-7.0, 7.0)];
    let triangle = [(0.0, -9.0), (8.5, 7.0), (-8.5, 7.0)];
    let diamond = [(0.0, -9.0), (9.0, 0.0), (0.0, 9.0), (-9.0, 0.0)];
    let house = [
        (0.0, -9.0),
        (8.0, -2.0),
        (8.0, 8.0),
        (-8.0, 8.0),
        (-8.0, -2.0),
    ];
    let half = [(-7.0, 7.0), (7.0, -7.0), (7.0, 7.0)];
    let circle = |fill: &str| {
        format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7.5\" fill=\"{fill}\" stroke=\"#000\" stroke-width=\"2\"/>"
        )
    };
    match kind {
        "base" => poly(&square, "#000"),
        "icp" => format!("{}{}", poly(&square, "#fff"), poly(&half, "#000")),
        "staging-area" => poly(&diamond, "#000"),
        "helibase" => format!(
            "{}<path d=\"M{:.1} {:.1} v7 m0 -3.5 h5 m0 -3.5 v7\" stroke=\"#000\" stroke-width=\"2\" fill=\"none\"/>",
            circle("#fff"),
            x - 2.5,
            y - 3.5
        ),
        "shelter" => poly(&house, "#fff"),
        "camp" => poly(&triangle, "#fff"),
        "telecentre" => poly(&diamond, "#fff"),
        "warehouse" => poly(&square, "#fff"),
        "worksite" => poly(&triangle, "#000"),
        _ => circle("#fff"),
    }
}

/// A round length in metres that takes about a fifth of the width.
fn bar(scale: f64) -> (f64, u64) {
    let wish = WIDTH / 5.0 / scale;
    let mut best = 1;
    let mut step = 1_u64;
    while (step as f64) < wish && step < 10_000_000 {
        for part in [1, 2, 5] {
            if ((step * part) as f64) <= wish {
                best = step * part;
            }
        }
        step *= 10;
    }
    (best as f64 * scale, best)
}

/// The map as one SVG file; none where no site has coordinates.
pub fn svg(c: &Context<'_>, answer: &Json, title: &str) -> Option<String> {
    let (points, scale) = place(c, answer);
    if points.is_empty() {
        return None;
    }
    let dot = |p: &Point| Area {
        left: p.x - 10.0,
        top: p.y - 10.0,
        right: p.x + 10.0,
        bottom: p.y + 10.0,
    };
    let dots: Vec<Area> = points.iter().map(dot).collect();
    let (long, metres) = bar(scale);
    let mut taken = vec![Area {
        left: MARGIN - 10.0,
        top: HEIGHT - 45.0,
        right: MARGIN + long + 60.0,
        bottom: HEIGHT,
    }];
    let mut labels = String::new();
    let mut legend: Vec<String> = Vec::new();
    for point in &points {
        let mut free = |label: &str| {
            let width = label.chars().count() as f64 * LETTER;
            let place = places(point, width).into_iter().find(|(_, _, covers)| {
                covers.inside()
                    && !taken.iter().any(|t| t.meets(covers))
                    && !dots.iter().any(|d| d.meets(covers))
            })?;
            taken.push(place.2);
            Some((place.0, place.1))
        };
        let name = short_name(&point.name);
        let number = (legend.len() + 1).to_string();
        let (shown, spot) = match free(&name) {
            Some(spot) => (name, spot),
            None => {
                legend.push(in_list(c, &number, point));
                // Where not even a number is free it stands on the point's right, over what is there.
                let spot = free(&number).unwrap_or((point.x + 11.0, point.y + 5.0));
                (number, spot)
            }
        };
        let _ = write!(labels, "{}", leader(point, spot, &shown));
        let _ = writeln!(
            labels,
            "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            spot.0,
            spot.1,
            escape(&shown)
        );
    }
    let pins: Vec<String> = points
        .iter()
        .map(|p| {
            let said = format!("{}, {}. {}", p.name, p.label, counts(c, p));
            format!(
                "<g><title>{}</title>{}</g>",
                escape(&said),
                shape(&p.kind, p.x, p.y)
            )
        })
        .collect();
    Some(sheet(
        c,
        title,
        &points,
        &pins,
        &labels,
        &legend,
        (long, metres),
    ))
}

fn counts(c: &Context<'_>, p: &Point) -> String {
    c.words
        .with("map-counts", args!["tasks" = p.tasks, "people" = p.people])
}

fn in_list(c: &Context<'_>, number: &str, p: &Point) -> String {
    let [lat, lon] = [p.lat, p.lon].map(|n| c.words.number(&format!("{n:.5}")));
    format!("{number}  {} ({}) — {lat} ; {lon}", p.name, p.label)
}

#[allow(clippy::too_many_arguments)]
fn sheet(
    c: &Context<'_>,
    title: &str,
    points: &[Point],
    pins: &[String],
    labels: &str,
    legend: &[String],
    (long, metres): (f64, u64),
) -> String {
    let names: Vec<_> = points
        .iter()
        .map(|p| format!("{} ({})", p.name, p.label))
        .collect();
    let about = c.words.with(
        "map-about",
        args!["count" = points.len(), "names" = names.join(", ")],
    );
    let mut kinds: Vec<(&str, &Point)> = Vec::new();
    for point in points {
        if !kinds.iter().any(|(k, _)| *k == point.kind) {
            kinds.push((&point.kind, point));
        }
    }
    kinds.sort_by_key(|(_, p)| p.label.clone());
    let mut y = HEIGHT + 34.0;
    let mut below = String::new();
    for row in kinds.chunks(4) {
        for (at, (_, point)) in row.iter().enumerate() {
            let x = MARGIN + at as f64 * 220.0;
            let label = match point.label.is_empty() {
                true => c.words.t("map-other"),
                false => point.label.clone(),
            };
            let _ = writeln!(
                below,
                "{}<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
                shape(&point.kind, x, y - 5.0),
                x + 16.0,
                escape(&label)
            );
        }
        y += 26.0;
    }
    for line in legend {
        let _ = writeln!(
            below,
            "<text x=\"{MARGIN}\" y=\"{y:.1}\">{}</text>",
            escape(line)
        );
        y += 22.0;
    }
    let length = match metres {
        m if m >= 1_000 => format!("{} km", c.words.number(&(m / 1_000).to_string())),
        m => format!("{m} m"),
    };
    let lang = match c.words.lang {
        crate::lang::Lang::En => "en",
        crate::lang::Lang::Fr => "fr",
    };
    let (title, about) = (escape(title), escape(&about));
    let north = escape(&c.words.t("map-north"));
    let (bar_y, bar_end, arrow) = (HEIGHT - 18.0, MARGIN + long, WIDTH - 46.0);
    format!(
        r##"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{lang}" viewBox="0 0 {WIDTH} {y:.0}" width="{WIDTH}" height="{y:.0}" role="img" aria-labelledby="t d" font-family="DejaVu Sans, Verdana, sans-serif" font-size="{FONT}">
<title id="t">{title}</title>
<desc id="d">{about}</desc>
<rect width="{WIDTH}" height="{y:.0}" fill="#fff"/>
<rect x="2" y="{TOP}" width="{inner}" height="{ground}" fill="none" stroke="#000"/>
<text x="{MARGIN}" y="44" font-size="24" font-weight="bold">{title}</text>
<g stroke="#000" stroke-width="3" fill="none"><path d="M{MARGIN} {bar_y} H{bar_end:.1} M{MARGIN} {up} V{down} M{bar_end:.1} {up} V{down}"/></g>
<text x="{MARGIN}" y="{over}">{length}</text>
<g><path d="M{arrow} 128 V92 l-7 12 M{arrow} 92 l7 12" stroke="#000" stroke-width="2" fill="none"/><text x="{arrow}" y="146" text-anchor="middle">{north}</text></g>
{pins}
<g stroke="#fff" stroke-width="4" stroke-linejoin="round" paint-order="stroke" fill="#000">
{labels}</g>
{below}</svg>
"##,
        inner = WIDTH - 4.0,
        ground = HEIGHT - TOP,
        up = bar_y - 6.0,
        down = bar_y + 6.0,
        over = bar_y - 10.0,
        pins = pins.join("\n"),
    )
}
