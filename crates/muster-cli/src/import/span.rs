//! Where a record of a CSV file ends, and whether its quotes can be believed.
//!
//! A quote that nobody closed runs on to the next one in the file, and the rows between would be
//! gone without a word. So a cell of several lines must show that it is one: it ends where a cell
//! can end, and no line of it looks like a row of its own. What is doubtful is refused aloud. What a
//! cell means is not decided here.

/// Most lines one record may span.
const MAX_LINES: usize = 200;
/// From so many columns on, a line with as many cells is a row, whatever it begins with.
const TELLING_COLUMNS: usize = 5;

/// A quote in this column (from 0) is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    pub column: usize,
}

/// How many of `lines` the record at their start takes.
pub fn span(lines: &[&[u8]], delimiter: u8, columns: usize) -> Result<usize, Open> {
    let mut scan = Scan {
        delimiter,
        column: 0,
        quoted: false,
        fresh: true,
        stray: None,
    };
    let mut at = 0;
    // Lines that are in part or wholly within a cell that began on an earlier one.
    let mut within: Vec<(&[u8], Open)> = Vec::new();
    loop {
        let Some(line) = lines.get(at).filter(|_| at < MAX_LINES) else {
            return Err(Open {
                column: scan.column,
            });
        };
        let inside = scan.quoted.then_some(Open {
            column: scan.column,
        });
        scan.line(line, inside.is_some())?;
        at += 1;
        if let Some(open) = inside {
            within.push((line, open));
        }
        if !scan.quoted {
            break;
        }
    }
    if let Some(open) = scan.stray {
        return Err(open);
    }
    let own = lines.first().copied().unwrap_or_default();
    let last = within.len().saturating_sub(1);
    for (n, (line, open)) in within.iter().enumerate() {
        let whole = n != last;
        if looks_like_a_row(line, own, *open, whole, delimiter, columns) {
            return Err(*open);
        }
    }
    Ok(at)
}

/// Whether a line of a cell reads as a row by itself: as many cells as the heading has, and where
/// that are few, a beginning of the same make as the record's own. The last line of a cell that is
/// the record's first has the right number of cells in any case, and says nothing.
fn looks_like_a_row(
    line: &[u8],
    own: &[u8],
    open: Open,
    whole: bool,
    delimiter: u8,
    columns: usize,
) -> bool {
    let cells = || line.split(|b| *b == delimiter);
    if cells().count() != columns || (!whole && open.column == 0) {
        return false;
    }
    if whole && columns >= TELLING_COLUMNS && !line.contains(&b'"') {
        return true;
    }
    let first = |line: &[u8]| make(line.split(|b| *b == delimiter).next().unwrap_or_default());
    let theirs = first(line);
    !theirs.is_empty() && theirs == first(own)
}

/// What a cell is made of: runs of digits, of letters, and other signs as they are.
fn make(cell: &[u8]) -> Vec<u8> {
    let kinds = cell.trim_ascii().iter().filter(|b| **b != b'"').map(|b| {
        if b.is_ascii_digit() {
            b'9'
        } else if b.is_ascii_alphabetic() || !b.is_ascii() {
            b'a'
        } else {
            *b
        }
    });
    let mut out: Vec<u8> = kinds.collect();
    out.dedup();
    out
}

/// Where a scan stands.
struct Scan {
    delimiter: u8,
    column: usize,
    /// In a quoted cell.
    quoted: bool,
    /// Nothing of the cell was seen yet.
    fresh: bool,
    /// A quote in the middle of a cell that is not quoted, and has no second one on its line.
    stray: Option<Open>,
}

impl Scan {
    /// Reads a line. `inside` says that it begins in a quoted cell of an earlier line.
    fn line(&mut self, line: &[u8], inside: bool) -> Result<(), Open> {
        // The cell that began on an earlier line has to end as a cell does.
        let mut inherited = inside;
        let mut before = None;
        let mut bytes = line.iter().copied().peekable();
        let mut strays = 0_usize;
        let mut last_stray = 0;
        while let Some(byte) = bytes.next() {
            if self.quoted {
                if byte == b'"' {
                    if bytes.peek() == Some(&b'"') {
                        bytes.next();
                    } else {
                        let ends = bytes
                            .peek()
                            .is_none_or(|b| *b == self.delimiter || b.is_ascii_whitespace());
                        // Behind a delimiter it is the quote that opens the next broken cell.
                        if inherited && (!ends || before == Some(self.delimiter)) {
                            return Err(Open {
                                column: self.column,
                            });
                        }
                        (self.quoted, inherited) = (false, false);
                    }
                }
            } else if byte == self.delimiter {
                self.column += 1;
                self.fresh = true;
            } else if byte == b'"' && self.fresh {
                (self.quoted, self.fresh) = (true, false);
            } else if byte == b'"' {
                strays += 1;
                last_stray = self.column;
            } else {
                self.fresh = false;
            }
            before = Some(byte);
        }
        // Two on a line, as in a size given in inches, are somebody's text.
        if strays % 2 == 1 {
            self.stray.get_or_insert(Open { column: last_stray });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(file: &str, columns: usize) -> Result<usize, usize> {
        let lines: Vec<&[u8]> = file.as_bytes().split_inclusive(|b| *b == b'\n').collect();
        span(&lines, b',', columns).map_err(|o| o.column)
    }

    #[test]
    fn cells_of_several_lines_are_cells() {
        assert_eq!(spans("1,a\n2,b\n", 2), Ok(1));
        assert_eq!(spans("1,\"a\nb\"\n2,c\n", 2), Ok(2));
        assert_eq!(spans("1,\"a\nb\",c\n", 3), Ok(2));
        assert_eq!(spans("1,\"a\r\nb\"\r\n2,c\r\n", 2), Ok(2));
        assert_eq!(spans("1,\"a\n\"\n2,c\n", 2), Ok(2), "a line end at its end");
        assert_eq!(spans("1,\"one, two\nthree, four\nfive\"\n2,c\n", 2), Ok(3));
        assert_eq!(spans("1,\"say \"\"so\"\"\nagain\"\n", 2), Ok(2));
        assert_eq!(spans("\"Ana\nMaria\",x\n", 2), Ok(2));
        assert_eq!(spans("1,\"a\nb\",\"c\nd\"\n2,x,y\n", 3), Ok(3));
    }

    #[test]
    fn two_quotes_that_nobody_closed_are_no_cell() {
        for (file, columns) in [
            // The second is followed by its own cell's text.
            ("1,\"open\n2,b\n3,\"open too\n4,d\n", 2),
            ("1,\"open\n2,\"open too\n", 2),
            ("1,\"open,x\n2,b,x\n3,\"open too,x\n", 3),
            // The second stands alone in its cell.
            ("1,\"open\n2,b\n3,\"\n4,d\n", 2),
            ("1,\"open,x\n2,b,x\n3,\",x\n", 3),
            // The second ends a cell: the lines between give it away, or the last one.
            ("1,\"open\n2,b\n3,c\"\n", 2),
            ("1,\"open\n2,c\"\n", 2),
            ("N-1,\"open,x\nN-22,c\",x\n", 3),
            ("1,\"open,x,y,z\n2,\"b\",x,y,z\n3,c\",x,y,z\n", 5),
            // Never again a quote.
            ("1,\"open\n2,b\n", 2),
            // In the middle of a cell.
            ("1,5\" pipe\n2,6\" pipe\n", 2),
            ("1,x\"\n", 2),
        ] {
            assert_eq!(spans(file, columns), Err(1), "{file:?}");
        }
        assert_eq!(spans("\"open\nx\n\"open\n", 1), Err(0));
        assert_eq!(spans("1,5\" by 6\" pipe\n", 2), Ok(1));
    }
}
