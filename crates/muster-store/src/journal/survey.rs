//! All segments together: which ranges are lost, which are only a torn tail.
//!
//! Changes nothing. The rule: what some sound frame or some later segment's header testifies to
//! have been durable must be there; in the last segment, beyond every testimony, a power cut may
//! have left anything.

use super::examine::{Catalogue, Examined, Look, examine};
use super::layout::{HEADER_LEN, SegmentId};
use super::{Damage, JournalError, Place, Why};

/// More missing segments than this are no accident, and are not listed one by one.
const MAX_MISSING: usize = 10_000;

pub(crate) struct Surveyed {
    pub(crate) id: SegmentId,
    /// `None` if the file is missing.
    pub(crate) found: Option<Examined>,
    pub(crate) lost: Vec<Damage>,
    /// `lost` is only what a power cut may leave at the end of the last segment.
    pub(crate) torn: bool,
    /// The length the next segment's header testifies, or should.
    pub(crate) testified: u32,
}

pub(crate) struct Survey {
    pub(crate) catalogue: Catalogue,
    pub(crate) segments: Vec<Surveyed>,
    /// The last segment, when it was cut short while being made: nothing can be in it.
    pub(crate) unfinished: Option<SegmentId>,
}

impl Survey {
    /// Whether a superseded file is to be destroyed: an erasure has rewritten its segment.
    pub(crate) fn is_erased(&self, superseded: &str) -> bool {
        let stem = superseded.split_once('.').map_or(superseded, |(s, _)| s);
        let number = SegmentId::from_stem(stem).map(|id| id.number);
        let current = self
            .segments
            .iter()
            .find(|seg| Some(seg.id.number) == number);
        let found = current.and_then(|seg| seg.found.as_ref());
        found.is_some_and(|found| found.header.is_some_and(|h| h.erased))
    }
}

/// A segment whose making was cut short: it never got as far as a first frame.
fn is_unfinished(found: &Examined) -> bool {
    found.id.generation == 0 && found.len <= HEADER_LEN && (found.header.is_none() || !found.key)
}

fn losses(found: &Examined) -> Vec<Damage> {
    let whole = |end, why| Damage {
        segment: found.id,
        start: 0,
        end,
        why,
    };
    if !found.key {
        return vec![whole(found.len, Why::Key)];
    }
    let header = found
        .header
        .is_none()
        .then(|| whole(HEADER_LEN.min(found.len), Why::Header));
    header
        .into_iter()
        .chain(found.gaps.iter().copied())
        .collect()
}

/// Compares where a segment ends with what the next one's header says of it.
fn compare_end(seg: &mut Surveyed, previous: u32) {
    let ends = match &seg.found {
        Some(_) => seg.testified,
        None => 0,
    };
    if ends != previous {
        match seg.lost.last_mut() {
            // A gap that runs up to the end already says so.
            Some(last) if last.end == ends => last.end = last.end.max(previous),
            _ => seg.lost.push(Damage {
                segment: seg.id,
                start: ends.min(previous),
                end: ends.max(previous),
                why: match seg.found {
                    Some(_) => Why::End,
                    None => Why::Missing,
                },
            }),
        }
        seg.testified = previous;
    }
}

pub(crate) fn survey(place: &Place, look: Look) -> Result<Survey, JournalError> {
    let catalogue = Catalogue::read(place)?;
    let mut segments: Vec<Surveyed> = Vec::new();
    let mut missing = 0;
    for (number, id) in catalogue.numbers() {
        let Some(id) = id else {
            missing += 1;
            let id = SegmentId {
                number,
                generation: 0,
            };
            let lost = Damage {
                segment: id,
                start: 0,
                end: 0,
                why: Why::Missing,
            };
            if missing > MAX_MISSING {
                return Err(place.damaged(lost));
            }
            segments.push(Surveyed {
                id,
                found: None,
                lost: vec![lost],
                torn: false,
                testified: HEADER_LEN,
            });
            continue;
        };
        let found = examine(place, id, look)?;
        if let (Some(before), Some(header)) = (segments.last_mut(), found.header) {
            compare_end(before, header.previous);
        }
        segments.push(Surveyed {
            id,
            lost: losses(&found),
            torn: false,
            testified: found.testified(),
            found: Some(found),
        });
    }
    let unfinished = segments
        .pop_if(|seg| seg.found.as_ref().is_some_and(is_unfinished))
        .map(|seg| {
            (
                seg.id,
                seg.found.is_some_and(|found| found.header.is_some()),
            )
        });
    // A header that was made after the segment before it was synced leaves no room for a tear.
    let may_be_torn = !matches!(unfinished, Some((_, true)));
    if let Some(last) = segments.last_mut()
        && let Some(found) = &last.found
        && let Some(first) = last.lost.first()
    {
        last.torn = may_be_torn
            && found.key
            && found.header.is_some()
            && found.id.generation == 0
            && first.why != Why::Unreadable
            && first.start >= found.witnessed;
    }
    Ok(Survey {
        catalogue,
        segments,
        unfinished: unfinished.map(|(id, _)| id),
    })
}
