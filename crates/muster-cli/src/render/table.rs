//! Tables on a terminal of any width, and the plain mode: one "label: value" a line.

use crate::Context;

/// Rows under headings.
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

fn width(text: &str) -> usize {
    // Wide East Asian letters take two places, combining marks none; near enough for alignment.
    text.chars()
        .map(|c| match c as u32 {
            0x0300..=0x036f | 0x200b..=0x200f => 0,
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xff00..=0xff60 => 2,
            _ => 1,
        })
        .sum()
}

fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if width(&out) + 2 > most {
            break;
        }
        out.push(c);
    }
    format!("{}…", out.trim_end())
}

fn terminal_width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .or_else(|| {
            rustix::termios::tcgetwinsize(std::io::stdout())
                .ok()
                .map(|w| usize::from(w.ws_col))
        })
        .filter(|w| *w >= 20)
        .unwrap_or(100)
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: Vec<String>) -> Self {
        Self {
            headings,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        // A line break or a control character inside a cell would break the table.
        let clean = |c: String| {
            c.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Draws it.
    pub fn draw(&self, context: &Context<'_>) -> String {
        if context.plain {
            self.plain(context.words.colon())
        } else {
            self.aligned(terminal_width())
        }
    }

    fn plain(&self, colon: &str) -> String {
        let blocks: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let lines: Vec<_> = self
                    .headings
                    .iter()
                    .zip(row)
                    .filter(|(_, cell)| !cell.is_empty())
                    .map(|(heading, cell)| format!("{heading}{colon}{cell}"))
                    .collect();
                lines.join("\n")
            })
            .collect();
        blocks.join("\n\n")
    }

    fn aligned(&self, available: usize) -> String {
        let columns = self.headings.len();
        let mut widths: Vec<usize> = (0..columns)
            .map(|i| {
                let cells = self.rows.iter().filter_map(|r| r.get(i)).map(|c| width(c));
                cells
                    .chain(self.headings.get(i).map(|h| width(h)))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        // The widest column gives way until the table fits.
        while widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1) > available {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 8 => *widest -= 1,
                _ => break,
            }
        }
        let line = |cells: &[String]| {
            let mut out = String::new();
            for (cell, width_of) in cells.iter().zip(&widths) {
                let cell = cut(cell, *width_of);
                out.push_str(&cell);
                out.push_str(&" ".repeat(width_of.saturating_sub(width(&cell)) + 2));
            }
            out.trim_end().to_owned()
        };
        let lines: Vec<_> = std::iter::once(line(&self.headings))
            .chain(self.rows.iter().map(|r| line(r)))
            .collect();
        lines.join("\n")
    }
}

/// "Label: value" lines, for one thing.
pub fn sheet(context: &Context<'_>, lines: &[(String, String)]) -> String {
    let colon = context.words.colon();
    let lines: Vec<_> = lines
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(l, v)| format!("{l}{colon}{v}"))
        .collect();
    lines.join("\n")
}
