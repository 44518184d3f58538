//! The body of an answer: a text, or a file or a part of one, read piece by piece as the client takes it.
//!
//! Must never hold more than a piece in memory, however many clients there are and however slow.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;
use hyper::body::{Body as HyperBody, Frame, SizeHint};

/// How much is read at once, in bytes.
const PIECE: u64 = 64 << 10;

/// A body.
pub(super) enum Body {
    /// A text that is short.
    Text(Bytes),
    /// So many bytes of a file from where it stands.
    Part(File, u64),
    /// A file, packed; how long it is then is known at its end.
    Packed(Box<GzEncoder<io::Take<File>>>),
}

impl Body {
    /// So many bytes of a file.
    pub(super) fn part(mut file: File, from: u64, length: u64) -> io::Result<Body> {
        file.seek(SeekFrom::Start(from))?;
        Ok(Body::Part(file, length))
    }

    /// The first bytes of a file, packed.
    pub(super) fn packed(file: File, length: u64) -> Body {
        Body::Packed(Box::new(GzEncoder::new(file.take(length), Compression::fast())))
    }

    fn piece(&mut self) -> io::Result<Option<Bytes>> {
        let mut bytes = vec![];
        match self {
            Body::Text(text) => return Ok(Some(std::mem::take(text)).filter(|text| !text.is_empty())),
            Body::Part(file, left) => {
                let read = file.take(PIECE.min(*left)).read_to_end(&mut bytes)?;
                if read == 0 && *left > 0 {
                    // It was cut meanwhile: the client learns that by the length that it was told.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= read as u64;
            }
            Body::Packed(packer) => _ = packer.take(PIECE).read_to_end(&mut bytes)?,
        }
        Ok(Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty()))
    }
}

impl HyperBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(self.piece().map(|piece| piece.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Text(text) => text.is_empty(),
            Body::Part(_, left) => *left == 0,
            Body::Packed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Text(text) => SizeHint::with_exact(text.len() as u64),
            Body::Part(_, left) => SizeHint::with_exact(*left),
            Body::Packed(_) => SizeHint::default(),
        }
    }
}
