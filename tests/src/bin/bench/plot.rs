//! Small plots as SVG, drawn by hand: bars against aims, and lines.

use std::{fmt::Write as _, fs, path::Path};

use serde_json::Value as Json;

use crate::{Outcome, aims};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const HIGH: f64 = 220.0;

/// Draws everything there is to draw.
pub fn all(out: &Path, r: &Json) -> Outcome<()> {
    fs::write(out.join("aims.svg"), bars(r))?;
    let growth = r["growth"].as_array().cloned().unwrap_or_default();
    let points = |name: &str| -> Vec<(f64, f64)> {
        let one = |g: &Json| Some((g["entries"].as_f64()?, g[name].as_f64()?));
        growth.iter().filter_map(one).collect()
    };
    let memory = [
        (
            "resident, restarted and idle (MB)",
            "#1f5fa8",
            points("rss_mb"),
        ),
        (
            "start to ready (10 ms)",
            "#b3541e",
            scaled(&points("start_ms"), 0.1),
        ),
    ];
    let chart = lines("Memory and start against entries", "entries", &memory);
    fs::write(out.join("growth.svg"), chart)?;
    let curve = r["sync"]["curve"].as_array().cloned().unwrap_or_default();
    let curve = curve
        .iter()
        .filter_map(|p| Some((p[0].as_f64()?, p[1].as_f64()? / 1000.0)));
    let sync = [(
        "entries at the receiver (thousands)",
        "#1f5fa8",
        curve.collect(),
    )];
    let chart = lines("One sync, from the dial to equal digests", "seconds", &sync);
    fs::write(out.join("sync.svg"), chart)?;
    Ok(())
}

fn scaled(points: &[(f64, f64)], by: f64) -> Vec<(f64, f64)> {
    points.iter().map(|(x, y)| (*x, y * by)).collect()
}

fn open(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n<title>{title}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"26\" font-size=\"16\">{title}</text>\n"
    )
}

/// How much of the aim is reached: beyond the line it is met.
fn bars(r: &Json) -> String {
    let aims = aims(r);
    let mut out = open(
        "Figures against their aims (bar beyond the line: met)",
        60.0 + aims.len() as f64 * 44.0,
    );
    let full = 200.0;
    for (at, (name, aim, measured, unit, more)) in aims.iter().enumerate() {
        let y = 48.0 + at as f64 * 44.0;
        let reached = if *more {
            measured / aim
        } else {
            aim / measured
        };
        let colour = if reached >= 1.0 { "#2e7d32" } else { "#b3541e" };
        let length = (reached * full).clamp(1.0, 440.0);
        let _ = write!(
            out,
            "<text x=\"20\" y=\"{:.0}\">{name}: {measured:.2} {unit} (aim {aim})</text>\n\
             <rect x=\"20\" y=\"{:.0}\" width=\"{length:.0}\" height=\"14\" fill=\"{colour}\"/>\n",
            y + 12.0,
            y + 18.0
        );
    }
    let x = 20.0 + full;
    let bottom = 48.0 + aims.len() as f64 * 44.0;
    let _ = write!(
        out,
        "<line x1=\"{x}\" x2=\"{x}\" y1=\"48\" y2=\"{bottom}\" stroke=\"black\" \
         stroke-dasharray=\"3\"/>\n</svg>\n"
    );
    out
}

/// A round number at or above.
fn ceiling(value: f64) -> f64 {
    let step = 10_f64.powf(value.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = steps.iter().map(|s| s * step).find(|s| *s >= value);
    fits.unwrap_or(10.0 * step)
}

type Line<'a> = (&'a str, &'a str, Vec<(f64, f64)>);

fn lines(title: &str, across: &str, lines: &[Line<'_>]) -> String {
    let mut out = open(title, TOP + HIGH + 60.0 + 20.0 * lines.len() as f64);
    let points = || lines.iter().flat_map(|l| l.2.iter());
    let right = ceiling(points().map(|p| p.0).fold(0.0, f64::max));
    let top = ceiling(points().map(|p| p.1).fold(0.0, f64::max));
    let x = |v: f64| LEFT + v / right * (WIDTH - LEFT - 40.0);
    let y = |v: f64| TOP + HIGH - v / top * HIGH;
    for quarter in 0..=4 {
        let (v, h) = (
            top * f64::from(quarter) / 4.0,
            right * f64::from(quarter) / 4.0,
        );
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{:.0}\" y2=\"{:.0}\" stroke=\"#ddd\"/>\n\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{v}</text>\n\
             <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{h}</text>\n",
            x(right),
            y(v),
            y(v),
            LEFT - 8.0,
            y(v) + 4.0,
            x(h),
            TOP + HIGH + 18.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{across}</text>",
        x(right / 2.0),
        TOP + HIGH + 36.0
    );
    for (at, (name, colour, points)) in lines.iter().enumerate() {
        let path: Vec<String> = points
            .iter()
            .map(|(h, v)| format!("{:.1},{:.1}", x(*h), y(*v)))
            .collect();
        let below = TOP + HIGH + 58.0 + 20.0 * at as f64;
        let _ = write!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n\
             <rect x=\"{LEFT}\" y=\"{:.0}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\n\
             <text x=\"{:.0}\" y=\"{below:.0}\">{name}</text>\n",
            path.join(" "),
            below - 6.0,
            LEFT + 22.0
        );
    }
    out.push_str("</svg>\n");
    out
}
