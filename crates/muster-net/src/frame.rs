//! Frames on the session substream: a u32 big-endian length, then so many bytes.
//!
//! The length is checked before anything is allocated, and the buffer grows only with what has
//! really come, so that a length costs its sender as many bytes as it costs us.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame, in bytes.
pub const MAX_FRAME: usize = 256 * 1024;

/// A buffer grows by this much at a time.
const STEP: usize = 32 * 1024;

/// What reading a frame can meet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("announced {0} bytes")]
    TooLong(u32),
    #[error("announced no bytes")]
    Empty,
    #[error("ended inside a frame")]
    Cut,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads one frame; `None` at a clean end between two frames.
pub(crate) async fn read<R: AsyncRead + Unpin>(
    from: &mut R,
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut head = [0_u8; 4];
    let mut have = 0;
    while let Some(rest) = head.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match from.read(rest).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(FrameError::Cut),
            n => have += n,
        }
    }
    let announced = u32::from_be_bytes(head);
    let length = match usize::try_from(announced) {
        Ok(0) => return Err(FrameError::Empty),
        Ok(length) if length <= MAX_FRAME => length,
        _ => return Err(FrameError::TooLong(announced)),
    };
    let mut frame = Vec::with_capacity(length.min(STEP));
    while frame.len() < length {
        let start = frame.len();
        frame.resize(length.min(start + STEP), 0);
        let Some(space) = frame.get_mut(start..) else {
            return Err(FrameError::Cut);
        };
        match from.read_exact(space).await {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(FrameError::Cut),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Some(frame))
}

/// Writes one frame without flushing.
pub(crate) async fn write<W: AsyncWrite + Unpin>(to: &mut W, frame: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    to.write_all(&length.to_be_bytes()).await?;
    to.write_all(frame).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        block_on(read(&mut Cursor::new(bytes.to_vec())))
    }

    #[test]
    fn a_frame_round_trips_at_both_limits() {
        for length in [1, 2, STEP - 1, STEP, STEP + 1, MAX_FRAME] {
            let frame = vec![7_u8; length];
            let mut out = Cursor::new(Vec::new());
            block_on(write(&mut out, &frame)).unwrap();
            assert_eq!(decode(out.get_ref()).unwrap().unwrap(), frame);
        }
    }

    #[test]
    fn what_is_no_frame_is_named() {
        assert!(matches!(decode(&[]), Ok(None)));
        assert!(matches!(decode(&[0, 0]), Err(FrameError::Cut)));
        assert!(matches!(decode(&[0, 0, 0, 0]), Err(FrameError::Empty)));
        assert!(matches!(
            decode(&[0, 4, 0, 1]),
            Err(FrameError::TooLong(262_145))
        ));
        assert!(matches!(
            decode(&[255; 8]),
            Err(FrameError::TooLong(u32::MAX))
        ));
        assert!(matches!(decode(&[0, 0, 0, 9, 1, 2]), Err(FrameError::Cut)));
    }
}
