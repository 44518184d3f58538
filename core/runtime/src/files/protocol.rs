//! The kernel's requests to who serves a file system, and the answers (include/uapi/linux/fuse.h).
//!
//! It must never trust a length or an offset of a request: what is too short is no request.

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// The first of all; the numbers are the kernel's version of the protocol.
    Begin(u32, u32),
    /// A file of a directory, by its name.
    Find(&'a [u8]),
    /// What a file is.
    Attributes,
    /// To change that. Only the length of what is written can be, which is what opening for writing does; it changes nothing.
    Change,
    Open,
    OpenDirectory,
    /// `handle` is of the opened file.
    Read {
        handle: u64,
        offset: u64,
        size: u32,
    },
    List {
        offset: u64,
        size: u32,
    },
    Write(&'a [u8]),
    Close {
        handle: u64,
    },
    CloseDirectory,
    /// How big the file system is.
    Size,
    /// To make, remove, link or rename something.
    Rearrange,
    /// Nobody waits for an answer.
    Told,
    Other,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// What the answer is known by.
    pub(super) unique: u64,
    /// The file.
    pub(super) node: u64,
    pub(super) ask: Ask<'a>,
}

/// Bytes of `fuse_in_header`.
const HEADER: usize = 40;

impl<'a> Request<'a> {
    /// Takes a request apart.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let (code, unique, node) = (word(bytes, 4)?, long(bytes, 8)?, long(bytes, 16)?);
        let body = bytes.get(HEADER..)?;
        let ask = match code {
            1 => Ask::Find(body.split(|byte| *byte == 0).next()?),
            // FUSE_FORGET, FUSE_INTERRUPT, FUSE_BATCH_FORGET
            2 | 36 | 42 => Ask::Told,
            3 => Ask::Attributes,
            4 => Ask::Change,
            // FUSE_SYMLINK to FUSE_LINK, FUSE_CREATE, FUSE_RENAME2
            6 | 8..=13 | 35 | 45 => Ask::Rearrange,
            14 => Ask::Open,
            15 => Ask::Read { handle: long(body, 0)?, offset: long(body, 8)?, size: word(body, 16)? },
            // The bytes come behind fuse_write_in, which says how many they are.
            16 => Ask::Write(body.get(40..)?.get(..word(body, 16)? as usize)?),
            17 => Ask::Size,
            18 => Ask::Close { handle: long(body, 0)? },
            26 => Ask::Begin(word(body, 0)?, word(body, 4)?),
            27 => Ask::OpenDirectory,
            28 => Ask::List { offset: long(body, 8)?, size: word(body, 16)? },
            29 => Ask::CloseDirectory,
            _ => Ask::Other,
        };
        Some(Request { unique, node, ask })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The answer to a request: its body, or the errno.
pub(super) fn answer(unique: u64, body: Result<&[u8], i32>) -> Vec<u8> {
    let (error, body) = match body {
        Ok(body) => (0, body),
        Err(errno) => (-errno, &[][..]),
    };
    let mut bytes = Answer::default();
    bytes.word(16 + u32::try_from(body.len()).unwrap_or(u32::MAX)).word(error.cast_unsigned()).long(unique);
    bytes.0.extend_from_slice(body);
    bytes.0
}

/// The body of an answer, field by field.
#[derive(Debug, Default)]
pub(super) struct Answer(pub(super) Vec<u8>);

impl Answer {
    pub(super) fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    pub(super) fn long(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    fn half(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// `fuse_init_out`: version 7.31, or the kernel's if that is older; writes come in pieces of at most `most` bytes.
    pub(super) fn begin(&mut self, minor: u32, most: u32) {
        const MINOR: u32 = 31;
        // No read-ahead and no flags: each read is to be seen.
        self.word(7).word(minor.min(MINOR)).word(0).word(0);
        // Requests in the background, and at how many the kernel holds others back.
        self.half(16).half(12).word(most);
        // Times in steps of a nanosecond; the largest request in pages, as it is; what later versions have.
        self.word(1).half(0).half(0);
        for _ in 0..8 {
            self.word(0);
        }
    }

    /// `fuse_attr`.
    fn attributes(&mut self, node: u64, mode: u32, links: u32, owner: (u32, u32), since: u64) -> &mut Self {
        self.long(node).long(0).long(0).long(since).long(since).long(since);
        self.word(0).word(0).word(0).word(mode).word(links).word(owner.0).word(owner.1).word(0).word(4096).word(0)
    }

    /// `fuse_attr_out`.
    pub(super) fn file(&mut self, node: u64, mode: u32, links: u32, owner: (u32, u32), since: u64) {
        self.long(FRESH).word(0).word(0).attributes(node, mode, links, owner, since);
    }

    /// `fuse_entry_out`.
    pub(super) fn found(&mut self, node: u64, mode: u32, links: u32, owner: (u32, u32), since: u64) {
        self.long(node).long(0).long(FRESH).long(FRESH).word(0).word(0);
        self.attributes(node, mode, links, owner, since);
    }

    /// `fuse_open_out`. `each`: every read and write is handed on as it is.
    pub(super) fn opened(&mut self, handle: u64, each: bool) {
        self.long(handle).word(u32::from(each)).word(0);
    }

    /// `fuse_dirent`, padded; false if there is no room for it among `size` bytes.
    pub(super) fn entry(&mut self, node: u64, next: u64, mode: u32, name: &[u8], size: u32) -> bool {
        let length = (24 + name.len()).next_multiple_of(8);
        if self.0.len() + length > size as usize {
            return false;
        }
        let end = self.0.len() + length;
        // The kind of a file is the upper four of its sixteen bits.
        self.long(node).long(next).word(u32::try_from(name.len()).unwrap_or(0)).word(mode >> 12);
        self.0.extend_from_slice(name);
        self.0.resize(end, 0);
        true
    }
}

/// For how many seconds the kernel need not ask again what a file is.
const FRESH: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(code: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = Answer::default();
        bytes.word(40 + body.len() as u32).word(code).long(7).long(3).long(0).long(0);
        bytes.0.extend_from_slice(body);
        bytes.0
    }

    #[test]
    fn what_is_too_short_is_no_request() {
        for code in [1, 15, 16, 18, 26, 28] {
            let whole = request(code, &[0; 48]);
            for length in 0..whole.len() {
                _ = Request::of(&whole[..length]);
            }
            assert_eq!(Request::of(&whole[..30]), None);
        }
        // More is said to be written than is there.
        let mut body = vec![0; 48];
        body[16] = 9;
        assert_eq!(Request::of(&request(16, &body)), None);
        body[16] = 8;
        assert_eq!(Request::of(&request(16, &body)).unwrap().ask, Ask::Write(&[0; 8]));
    }

    #[test]
    fn requests_are_taken_apart() {
        let of = |code, body: &[u8]| Request::of(&request(code, body)).map(|request| format!("{request:?}")).unwrap();
        assert_eq!(of(1, b"name\0"), "Request { unique: 7, node: 3, ask: Find([110, 97, 109, 101]) }");
        assert_eq!(of(42, &[0; 8]), "Request { unique: 7, node: 3, ask: Told }");
        assert_eq!(of(99, &[]), "Request { unique: 7, node: 3, ask: Other }");
    }

    #[test]
    fn answers_have_the_lengths_of_the_kernels_structures() {
        let length = |fill: &dyn Fn(&mut Answer)| {
            let mut answer = Answer::default();
            fill(&mut answer);
            answer.0.len()
        };
        assert_eq!(length(&|answer| answer.begin(45, 1)), 64);
        assert_eq!(length(&|answer| answer.file(1, 0, 1, (0, 0), 0)), 104);
        assert_eq!(length(&|answer| answer.found(1, 0, 1, (0, 0), 0)), 128);
        assert_eq!(length(&|answer| answer.opened(1, true)), 16);
        assert_eq!(length(&|answer| _ = answer.entry(1, 1, 0, b"four5", 100)), 32);
        assert_eq!(length(&|answer| assert!(!answer.entry(1, 1, 0, b"four5", 31))), 0);
        assert_eq!(answer(5, Err(libc::ENOENT)), [16, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 0, 0, 0]);
    }
}
