//! The reading side of a BPF ring buffer.
//!
//! Two mappings, as the kernel lays them out: our position in a page of its own, which we write; the producers'
//! position and the data, which we only read, the data twice in a row so that a record that wraps is contiguous.
//! It must never touch a record that is not finished, nor one after its position was given back: from then on the
//! kernel may write there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::SysError;
use crate::bpf::{Map, MapKind};
use crate::region::{Region, page_size};

/// A record's header: its length with two bits of state, and an offset that only the kernel uses.
const HEADER: u64 = 8;
/// The producer has not finished the record (BPF_RINGBUF_BUSY_BIT).
const BUSY: u32 = 1 << 31;
/// The producer gave the record up (BPF_RINGBUF_DISCARD_BIT).
const DISCARDED: u32 = 1 << 30;
/// How many records are read before their space is given back: each time costs the producers a cache miss.
const GIVE_BACK_EVERY: usize = 64;

/// The one reader of a ring buffer map.
#[derive(Debug)]
pub struct RingBuffer {
    fd: OwnedFd,
    ours: Region,
    theirs: Region,
    page: usize,
    size: u64,
}

impl RingBuffer {
    /// Maps a ring buffer for reading.
    ///
    /// # Errors
    /// EINVAL for another kind of map, EBUSY if it has or had a reader: two would take space from under each other.
    pub fn new(map: &Map) -> Result<Self, SysError> {
        const WHAT: &str = "map a BPF ring buffer";
        let failed = |errno| SysError::new(WHAT, errno);
        if map.kind() != MapKind::RingBuf {
            return Err(failed(libc::EINVAL));
        }
        let fd = map.fd().try_clone_to_owned().map_err(|error| SysError::from_io(WHAT, &error))?;
        let page = page_size();
        let data = usize::try_from(map.max_entries()).map_err(|_| failed(libc::E2BIG))?;
        let theirs = data.checked_mul(2).and_then(|twice| twice.checked_add(page)).ok_or(failed(libc::E2BIG))?;
        if !map.claim_reader() {
            return Err(failed(libc::EBUSY));
        }
        Ok(Self {
            ours: Region::map(fd.as_fd(), 0, page, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED)
                .map_err(failed)?,
            theirs: Region::map(fd.as_fd(), page, theirs, libc::PROT_READ, libc::MAP_SHARED).map_err(failed)?,
            fd,
            page,
            size: u64::from(map.max_entries()),
        })
    }

    /// Gives up to `limit` finished records to `each`, oldest first, and says how many. Ends early when there are no
    /// more, or when the oldest is not finished. Records are aligned to 8 bytes.
    ///
    /// Producers that are as fast as `each` keep it busy for ever unless there is a limit. If `each` panics, up to 64 records before that one come again.
    pub fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&[u8])) -> usize {
        let mut position = self.consumer().load(Ordering::Relaxed);
        let mut produced = self.producer().load(Ordering::Acquire);
        let (mut given, mut since) = (0, 0);
        while given < limit {
            let header = if position == produced { BUSY } else { self.header(position).load(Ordering::Acquire) };
            if header & BUSY != 0 {
                if since == 0 {
                    break;
                }
                // A producer wakes us only if it sees that we had caught up with its record. So what was read is
                // given back first, and only then is looked again whether there is more.
                self.consumer().store(position, Ordering::Release);
                fence(Ordering::SeqCst);
                produced = self.producer().load(Ordering::Acquire);
                since = 0;
                continue;
            }
            let length = u64::from(header & !DISCARDED);
            let step = (length + HEADER).next_multiple_of(8);
            if step > produced.wrapping_sub(position) || step > self.size {
                // No kernel writes such a record; going on would read what is not there.
                break;
            }
            if header & DISCARDED == 0 {
                each(self.payload(position, length));
                given += 1;
            }
            position = position.wrapping_add(step);
            since += 1;
            if since % GIVE_BACK_EVERY == 0 {
                self.consumer().store(position, Ordering::Release);
            }
        }
        self.consumer().store(position, Ordering::Release);
        given
    }

    /// Whether everything that producers reserved was read.
    pub fn is_empty(&self) -> bool {
        self.pending_bytes() == 0
    }

    /// Bytes between the reader and the producers, headers and unfinished records included.
    pub fn pending_bytes(&self) -> u64 {
        let position = self.consumer().load(Ordering::Relaxed);
        self.producer().load(Ordering::Acquire).wrapping_sub(position)
    }

    /// The size of the data area in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn consumer(&self) -> &AtomicU64 {
        // SAFETY: the first word of a page that is mapped, aligned and writable while self lives; only this reader
        // writes it, and the kernel reads it as one word.
        unsafe { self.ours.start().cast().as_ref() }
    }

    fn producer(&self) -> &AtomicU64 {
        // SAFETY: as for the consumer's, with a mapping that is only read; nothing here stores to it.
        unsafe { self.theirs.start().cast().as_ref() }
    }

    /// The offset in the second mapping of the byte at a position of the ring.
    fn offset(&self, position: u64) -> usize {
        // The size is a power of two that fits a usize: the kernel made the map, and it is mapped.
        self.page + (position & (self.size - 1)) as usize
    }

    fn header(&self, position: u64) -> &AtomicU32 {
        let offset = self.offset(position);
        // SAFETY: the offset is within the first copy of the data, and a multiple of 8 because positions are; the
        // kernel writes the length as one word. Only loads are made through it.
        unsafe { self.theirs.start().add(offset).cast().as_ref() }
    }

    fn payload(&self, position: u64, length: u64) -> &[u8] {
        let offset = self.offset(position) + HEADER as usize;
        // SAFETY: header and payload are no longer than the data area (checked by the caller), so they end within its
        // second copy; the record is finished and its space not given back, so nobody writes it while this borrow of
        // self lasts, and a map has one reader.
        unsafe { slice::from_raw_parts(self.theirs.start().add(offset).as_ptr(), length as usize) }
    }
}

impl AsFd for RingBuffer {
    /// Readable, for [`crate::event::Poller`], when a producer woke the reader.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
