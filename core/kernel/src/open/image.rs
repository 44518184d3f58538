//! The kernel inside a boot image: found by the setup header of a bzImage, and unpacked.
//!
//! Must never write more than [`MOST`] bytes, whatever the image claims, and takes no byte of it on trust.

use std::borrow::Cow;
use std::io::Read;

/// The most bytes that an image may unpack to. Debian's are 66 MB, with debug information under 1 GB.
pub(crate) const MOST: u64 = 2 << 30;

/// Where a bzImage has the magic of its setup header, and the magic (`Documentation/arch/x86/boot.rst`).
const SETUP_MAGIC: (usize, &[u8]) = (0x202, b"HdrS");

/// The first version of the header that says where the payload is.
const PAYLOAD_SINCE: u16 = 0x0208;

/// What a bzImage says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setup<'a> {
    /// The release, if it is there.
    pub(crate) release: Option<&'a str>,
    /// The packed kernel.
    pub(crate) payload: &'a [u8],
}

/// Whether it begins as a bzImage does.
pub(crate) fn is_boot_image(bytes: &[u8]) -> bool {
    bytes.get(SETUP_MAGIC.0..).is_some_and(|rest| rest.starts_with(SETUP_MAGIC.1))
}

/// Reads the setup header; what is wrong, in words, if something is.
pub(crate) fn setup(bytes: &[u8]) -> Result<Setup<'_>, String> {
    let cut_off = || "the boot image ends inside its setup header".to_owned();
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize);
    let version = half(0x206).ok_or_else(cut_off)?;
    if version < PAYLOAD_SINCE {
        return Err(format!(
            "the boot image follows version {}.{:02} of the boot protocol, which does not say where the kernel is (2.08 does)",
            version >> 8,
            version & 0xff
        ));
    }
    // 0 stands for 4, for the sake of very old loaders.
    let sectors = bytes.get(0x1f1).copied().filter(|sectors| *sectors != 0).unwrap_or(4);
    let start = (usize::from(sectors) + 1) * 512;
    let (offset, len) = (word(0x248).ok_or_else(cut_off)?, word(0x24c).ok_or_else(cut_off)?);
    let payload = start.checked_add(offset).and_then(|from| bytes.get(from..from.checked_add(len)?));
    let payload = payload.ok_or_else(|| {
        format!(
            "the boot image is cut off: its kernel is {len} bytes from {} on, and there are {}",
            start + offset,
            bytes.len()
        )
    })?;
    let release = half(0x20e).filter(|at| *at != 0).and_then(|at| {
        let text = bytes.get(usize::from(at) + 0x200..)?;
        let end = text.iter().take(256).position(|byte| matches!(byte, 0 | b' '))?;
        std::str::from_utf8(&text[..end]).ok()
    });
    Ok(Setup { release, payload })
}

/// How something is packed, told by how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// lzma, without a container.
    Lzma,
    /// Zstandard.
    Zstd,
    /// LZ4 in the format of old.
    Lz4,
}

/// How these bytes are packed; `None` if they are not, or in a way that is not known.
pub(crate) fn packing(bytes: &[u8]) -> Option<Packing> {
    let starts: [(&[u8], Packing); 5] = [
        (&[0x1f, 0x8b], Packing::Gzip),
        (b"\xfd7zXZ\0", Packing::Xz),
        (&[0x5d, 0, 0], Packing::Lzma),
        (&[0x28, 0xb5, 0x2f, 0xfd], Packing::Zstd),
        (&[0x02, 0x21, 0x4c, 0x18], Packing::Lz4),
    ];
    starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, packing)| *packing)
}

/// What reads packed bytes as they were.
pub(crate) fn reader<'a>(packing: Packing, bytes: &'a [u8]) -> Result<Box<dyn Read + 'a>, std::io::Error> {
    Ok(match packing {
        Packing::Gzip => Box::new(flate2::bufread::GzDecoder::new(bytes)),
        // What follows the first stream is the length that the kernel's build adds.
        Packing::Xz => Box::new(lzma_rust2::XzReader::new(bytes, false)),
        Packing::Lzma => Box::new(
            lzma_rust2::LzmaReader::new_mem_limit(bytes, 256 << 10, None)
                .map_err(|error| std::io::Error::other(error.to_string()))?,
        ),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?.single_frame();
            decoder.window_log_max(27)?;
            Box::new(decoder)
        }
        Packing::Lz4 => Box::new(std::io::Cursor::new(unpack_lz4(bytes)?)),
    })
}

/// Unpacks; bytes that are not packed in a known way are given as they are. `most` bounds what comes out.
pub(crate) fn unpack(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, String> {
    let Some(packing) = packing(bytes) else { return Ok(Cow::Borrowed(bytes)) };
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(5).min(80 << 20));
    let read = reader(packing, bytes).and_then(|reader| reader.take(most + 1).read_to_end(&mut out));
    match read {
        Err(error) => Err(format!("what is packed with {packing} does not unpack: {error}")),
        Ok(len) if len as u64 > most => Err(format!("what is packed with {packing} is of more than {most} bytes")),
        Ok(_) => Ok(Cow::Owned(out)),
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Packing::Gzip => "gzip",
            Packing::Xz => "xz",
            Packing::Lzma => "lzma",
            Packing::Zstd => "zstd",
            Packing::Lz4 => "lz4",
        })
    }
}

/// The most that a block of the old format of LZ4 holds.
const LZ4_BLOCK: usize = 8 << 20;

/// The old format of LZ4, which `lz4 -l` writes for the kernel: a magic, then blocks, each after its length. The build adds four
/// bytes, the whole's length, which look like the length of a block that is not there.
fn unpack_lz4(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let bad = |what: String| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let mut out: Vec<u8> = vec![];
    let mut rest = bytes.get(4..).unwrap_or_default();
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        // A file may be several, one after the other.
        if len == &[0x02, 0x21, 0x4c, 0x18] {
            rest = after;
            continue;
        }
        let len = u32::from_le_bytes(*len) as usize;
        let Some(block) = after.get(..len) else {
            if after.is_empty() && !out.is_empty() {
                break;
            }
            return Err(bad(format!("a block of {len} bytes is cut off after {}", after.len())));
        };
        // A byte stands for 255 at most.
        let most = LZ4_BLOCK.min(block.len().saturating_mul(255));
        let block = lz4_flex::block::decompress(block, most).map_err(|error| bad(error.to_string()))?;
        if out.len() as u64 + block.len() as u64 > MOST {
            return Err(bad("too long".to_owned()));
        }
        out.extend_from_slice(&block);
        rest = &after[len..];
    }
    Ok(out)
}
