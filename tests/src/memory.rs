//! The memory of a process, read as root reads it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// Gives each readable region of a process to `look`. Returns how many bytes were read.
///
/// # Errors
/// The process is gone, or not ours to read.
pub fn each_region(pid: u32, mut look: impl FnMut(&[u8])) -> std::io::Result<usize> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut read = 0;
    for line in maps.lines().filter(|l| !l.contains("[v")) {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let number = |text| u64::from_str_radix(text, 16).ok();
        let bounds = range.split_once('-');
        let Some((from, to)) = bounds.and_then(|(a, b)| Some((number(a)?, number(b)?))) else {
            continue;
        };
        if !rights.starts_with('r') {
            continue;
        }
        let mut region = vec![0; usize::try_from(to - from).unwrap_or(0)];
        match memory.read_exact_at(&mut region, from) {
            Ok(()) => {
                read += region.len();
                look(&region);
            }
            // Pages of a file beyond its end; what a program can write to is there to be read.
            Err(_) if rights.starts_with("r--") => {}
            // Given back or parted since the list was made: the process runs.
            Err(_) if !fs::read_to_string(format!("/proc/{pid}/maps"))?.contains(line) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}
