//! A CSV file as rows, each whole or refused with its reason; one broken row spoils no other.
//!
//! The csv crate reads the records; where a record ends is decided first, by [`super::span`].

use encoding_rs::Encoding;

use super::span::span;

/// Longest cell, in bytes: a field of an entry holds less.
pub const MAX_CELL: usize = 16 * 1024;

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1 after the header.
    pub number: u64,
    /// Its cells, or what is wrong with it.
    pub cells: Result<Vec<String>, Fault>,
}

/// What is wrong with a row, and in which column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The column's name; empty where no one column is to blame.
    pub column: String,
    /// The reason.
    pub why: Reason,
}

/// Why a row cannot be used as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A quote is opened and never closed.
    QuoteOpen,
    /// The row is no CSV record.
    Unreadable,
    /// Another number of cells than the header has.
    CellCount { found: usize, header: usize },
    /// A cell longer than any field.
    CellTooLong { len: usize },
    /// Bytes that are not UTF-8.
    NotText,
    /// The columns that name the row are empty.
    KeyEmpty,
    /// One of a pair of coordinates is no number.
    NotACoordinate { given: String },
}

impl Reason {
    /// Stable, the key of the sentence.
    pub fn code(&self) -> &'static str {
        match self {
            Self::QuoteOpen => "quote-open",
            Self::Unreadable => "row-unreadable",
            Self::CellCount { .. } => "cell-count",
            Self::CellTooLong { .. } => "cell-too-long",
            Self::NotText => "not-text",
            Self::KeyEmpty => "key-empty",
            Self::NotACoordinate { .. } => "not-a-coordinate",
        }
    }

    /// What the sentence needs.
    pub fn args(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::CellCount { found, header } => {
                vec![("found", found.to_string()), ("header", header.to_string())]
            }
            Self::CellTooLong { len } => {
                vec![("len", len.to_string()), ("most", MAX_CELL.to_string())]
            }
            Self::NotACoordinate { given } => vec![("given", given.clone())],
            _ => Vec::new(),
        }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads a whole file. An error is about the file as such: no header, an unknown encoding.
    pub fn read(bytes: &[u8], encoding: Option<&str>, delimiter: char) -> Result<Self, String> {
        let delimiter =
            u8::try_from(delimiter).map_err(|_| "the delimiter must be one ASCII character")?;
        let decoded;
        let bytes = match encoding {
            None => bytes,
            Some(label) => {
                let encoding = Encoding::for_label(label.as_bytes())
                    .ok_or_else(|| format!("the encoding {label:?} is not known"))?;
                decoded = encoding.decode(bytes).0.into_owned();
                decoded.as_bytes()
            }
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        let Some((first, rest)) = lines.split_first() else {
            return Err("the file is empty".into());
        };
        let header = split(first, delimiter).ok_or("the header cannot be read")?;
        let header: Vec<String> = header
            .into_iter()
            .map(|c| String::from_utf8(c).map(|s| s.trim().to_owned()))
            .collect::<Result<_, _>>()
            .map_err(|_| "the header is not UTF-8; name the encoding in the mapping file")?;
        let mut rows = Vec::new();
        let mut at = 0;
        while let Some(line) = rest.get(at) {
            if line.iter().all(u8::is_ascii_whitespace) {
                at += 1;
                continue;
            }
            let number = rows.len() as u64 + 1;
            let (cells, used) = record(rest.get(at..).unwrap_or_default(), &header, delimiter);
            rows.push(Row { number, cells });
            at += used;
        }
        Ok(Self { header, rows })
    }
}

/// The record that starts at the first of `lines`, and how many lines it takes. A broken record
/// takes one line, so that the next one has its chance.
fn record(
    lines: &[&[u8]],
    header: &[String],
    delimiter: u8,
) -> (Result<Vec<String>, Fault>, usize) {
    let fault = |column: &str, why: Reason| {
        Err(Fault {
            column: column.to_owned(),
            why,
        })
    };
    let name = |column: usize| header.get(column).map_or("", String::as_str);
    let taken = match span(lines, delimiter, header.len()) {
        Ok(taken) => taken,
        Err(open) => return (fault(name(open.column), Reason::QuoteOpen), 1),
    };
    let whole: Vec<u8> = lines
        .iter()
        .take(taken)
        .copied()
        .flatten()
        .copied()
        .collect();
    let cells = split(&whole, delimiter);
    if taken > 1 && cells.as_ref().is_none_or(|c| c.len() != header.len()) {
        return (fault("", Reason::QuoteOpen), 1);
    }
    let Some(cells) = cells else {
        return (fault("", Reason::Unreadable), 1);
    };
    if cells.len() != header.len() {
        let why = Reason::CellCount {
            found: cells.len(),
            header: header.len(),
        };
        return (fault("", why), taken);
    }
    let mut out = Vec::with_capacity(cells.len());
    for (cell, column) in cells.into_iter().zip(header) {
        if cell.len() > MAX_CELL {
            let why = Reason::CellTooLong { len: cell.len() };
            return (fault(column, why), taken);
        }
        match String::from_utf8(cell) {
            Ok(cell) => out.push(cell),
            Err(_) => return (fault(column, Reason::NotText), taken),
        }
    }
    (Ok(out), taken)
}

fn split(record: &[u8], delimiter: u8) -> Option<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(record);
    let mut out = csv::ByteRecord::new();
    match reader.read_byte_record(&mut out) {
        Ok(true) => Some(out.iter().map(<[u8]>::to_vec).collect()),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_row_spoils_no_other() {
        let big = "x".repeat(MAX_CELL + 1);
        let mut file = b"id,text\n1,\"a\nb\"\n2,\"never closed\n3,ok\n4,\xff\n5\n".to_vec();
        file.extend(format!("6,{big}\n7,\"it's \"\"fine\"\"\"\n").into_bytes());
        let table = Table::read(&file, None, ',').unwrap();
        let why: Vec<_> = table
            .rows
            .iter()
            .map(|r| match &r.cells {
                Ok(cells) => format!("{}:{}", r.number, cells[1]),
                Err(f) => format!("{}!{}:{}", r.number, f.column, f.why.code()),
            })
            .collect();
        assert_eq!(why[0], "1:a\nb");
        assert_eq!(why[1], "2!text:quote-open");
        assert_eq!(why[2], "3:ok");
        assert_eq!(why[3], "4!text:not-text");
        assert_eq!(why[4], "5!:cell-count");
        assert!(why[5].starts_with("6!text:cell-too-long"));
        assert_eq!(why[6], "7:it's \"fine\"");
    }

    #[test]
    fn two_open_quotes_swallow_no_row_between_them() {
        let file = b"id,a,b,c,d\n1,x,\"open,y,z\n2,x,y,z,w\n3,x,\"\"\",y,z\n4,x,y,z,w\n";
        let table = Table::read(file, None, ',').unwrap();
        let whole: Vec<_> = table
            .rows
            .iter()
            .map(|r| r.cells.as_ref().ok().map(|c| c[0].as_str()))
            .collect();
        assert_eq!(whole, [None, Some("2"), None, Some("4")]);
        // A cell of several lines is still one cell.
        let file = b"id,a,b,c,d\n1,x,\"one, two\nthree\n\nfour\",y,z\n2,x,y,z,w\n";
        let table = Table::read(file, None, ',').unwrap();
        assert!(table.rows.len() == 2 && table.rows.iter().all(|r| r.cells.is_ok()));
    }

    #[test]
    fn in_small_tables_as_well() {
        let file = b"id,text\n1,\"open\n2,b\n3,\"open\n4,d\n5,\"two\nlines\"\n";
        let table = Table::read(file, None, ',').unwrap();
        let rows: Vec<_> = table
            .rows
            .iter()
            .map(|r| match &r.cells {
                Ok(cells) => format!("{} {}", r.number, cells[1]),
                Err(f) => format!("{} {} {}", r.number, f.column, f.why.code()),
            })
            .collect();
        let wanted = [
            "1 text quote-open",
            "2 b",
            "3 text quote-open",
            "4 d",
            "5 two\nlines",
        ];
        assert_eq!(rows, wanted);
    }

    #[test]
    fn other_encodings_are_read_when_named() {
        let table = Table::read(b"nom;lieu\nLeog\xe2ne;x\n", Some("windows-1252"), ';').unwrap();
        assert_eq!(table.rows[0].cells.as_ref().unwrap()[0], "Leogâne");
        assert!(Table::read(b"a\n", Some("klingon"), ';').is_err());
    }
}
