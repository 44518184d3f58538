//! The kernel's table of its own symbols, as it lies in the image: names packed by a table of 256 tokens, addresses as offsets.
//!
//! Nothing says where it is, so it is found by its shape, and checked against itself: an index of tokens that agrees with them, and
//! marks for every 256th name that agree with the names. What does not agree is taken for absent; must never give half a table. The
//! layout is a fact of the kernel's `scripts/kallsyms.c`: up to 6.3 the offsets stand before the names, since 6.4
//! behind the tokens.

/// A symbol: address, letter and name.
pub(crate) type Row = (u64, u8, String);

/// The most symbols that are believed.
const MOST: usize = 4 << 20;

/// How many names a mark stands for.
const MARK: usize = 256;

/// All symbols of an image, in the order of its table; `None` where there is no table that agrees with itself.
pub(crate) fn symbols(image: &[u8]) -> Option<Vec<Row>> {
    // The tokens of digits are the digits: they stand in every name, so none is free for another meaning.
    const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
    let mut from = 0;
    while let Some(at) = super::elf::find(image.get(from..)?, DIGITS) {
        if let Some(rows) = Table::around(image, from + at).find_map(|table| table.rows(image)) {
            return Some(rows);
        }
        from += at + 1;
    }
    None
}

/// Where the parts are.
#[derive(Debug)]
struct Table<'a> {
    tokens: Vec<&'a [u8]>,
    /// Where the tokens begin.
    start: usize,
    /// Behind the index of tokens.
    end: usize,
}

impl<'a> Table<'a> {
    /// The tokens around that of `0`, which is at `zero`. What stands before the first of them need not end in a zero; but it begins
    /// at a multiple of 8, which is tried for each that may be it.
    fn around(image: &'a [u8], zero: usize) -> impl Iterator<Item = Table<'a>> {
        let first = Table::first_token(image, zero);
        let starts = first.map(|(earliest, next)| earliest.next_multiple_of(8)..next.max(earliest + 1));
        starts.into_iter().flatten().step_by(8).filter_map(|start| Table::from(image, start))
    }

    /// Where the first token may begin at the earliest, and where the second one begins.
    fn first_token(image: &[u8], zero: usize) -> Option<(usize, usize)> {
        let (mut start, mut next) = (zero, zero);
        for _ in 0..b'0' {
            let before = image.get(..start.checked_sub(1)?)?;
            // No token is long.
            let len = before.iter().rev().take(128).position(|byte| *byte == 0)?;
            (start, next) = (start - len - 1, start);
        }
        Some((start, next))
    }

    /// The tokens that begin at `start`, if the index behind them agrees.
    fn from(image: &'a [u8], start: usize) -> Option<Table<'a>> {
        let mut tokens = Vec::with_capacity(256);
        let mut at = start;
        for _ in 0..256 {
            let rest = image.get(at..)?;
            let len = rest.iter().take(128).position(|byte| *byte == 0)?;
            tokens.push(&rest[..len]);
            at += len + 1;
        }
        let index = at.next_multiple_of(8);
        let mut offset = 0;
        for (nth, token) in tokens.iter().enumerate() {
            if half(image, index + 2 * nth)? as usize != offset {
                return None;
            }
            offset += token.len() + 1;
        }
        Some(Table { tokens, start, end: index + 512 })
    }

    fn rows(&self, image: &[u8]) -> Option<Vec<Row>> {
        self.marks(image)
            .into_iter()
            .chain(self.marks_before_ranks(image))
            .find_map(|(marks, count)| self.rows_by(image, marks, count))
    }

    /// The symbols, if the marks are `count` at `marks`.
    fn rows_by(&self, image: &[u8], marks: usize, count: usize) -> Option<Vec<Row>> {
        let last = word(image, marks + 4 * (count - 1))? as usize;
        // The names begin behind their number, somewhere before the last mark's distance.
        let mut names = marks.checked_sub(last)? & !7;
        let lowest = names.saturating_sub(MARK * 300);
        while names > lowest.max(8) {
            let number = word(image, names - 8)? as usize;
            if word(image, names - 4) == Some(0)
                && number.div_ceil(MARK) == count
                && let Some(found) = self.names(image, names, number, marks)
            {
                return self.with_addresses(image, names, found);
            }
            names -= 8;
        }
        None
    }

    /// Where the marks begin if they stand right before the tokens, and how many there are: growing numbers, the first of them 0.
    fn marks(&self, image: &[u8]) -> Option<(usize, usize)> {
        let mut at = self.start & !7;
        if word(image, at.checked_sub(4)?)? == 0 {
            at -= 4;
        }
        let mut count = 0;
        let mut next = u32::MAX;
        while count <= MOST / MARK {
            at = at.checked_sub(4)?;
            let mark = word(image, at)?;
            if mark >= next {
                return None;
            }
            count += 1;
            if mark == 0 {
                return Some((at, count));
            }
            next = mark;
        }
        None
    }

    /// The same where the rank of each name, three bytes, stands between marks and tokens (6.2, and 6.1 since it was carried back).
    /// How many names there are is not known here, so each number is tried whose marks would be where marks are.
    /// Ranks can look like marks, above all like few of them, so there may be several answers.
    fn marks_before_ranks(&self, image: &[u8]) -> impl Iterator<Item = (usize, usize)> {
        let end = self.start & !7;
        let counts = (8..3 * MOST).step_by(8).flat_map(|room| {
            let count = (room / 3).div_ceil(MARK);
            // Fewer names may need one mark less.
            [(room, count), (room, count - 1)]
        });
        counts.filter(|(_, count)| *count > 1).filter_map(move |(room, count)| {
            let at = end.checked_sub(room)?.checked_sub((4 * count).next_multiple_of(8))?;
            let mark = |nth: usize| word(image, at + 4 * nth);
            (mark(0) == Some(0) && (1..count).all(|nth| mark(nth) > mark(nth - 1))).then_some((at, count))
        })
    }

    /// The letters and names of all symbols, if they agree with the marks.
    fn names(&self, image: &[u8], start: usize, number: usize, marks: usize) -> Option<Vec<(u8, String)>> {
        let mut at = start;
        let mut found = Vec::with_capacity(number.min(MOST));
        let mut name = vec![];
        for nth in 0..number {
            if nth % MARK == 0 && word(image, marks + 4 * (nth / MARK))? as usize != at - start {
                return None;
            }
            let mut len = usize::from(*image.get(at)?);
            at += 1;
            // Since 6.1 a length over 127 takes two bytes.
            if len & 0x80 != 0 {
                len = len & 0x7f | usize::from(*image.get(at)?) << 7;
                at += 1;
            }
            name.clear();
            for token in image.get(at..at + len)? {
                name.extend_from_slice(self.tokens.get(usize::from(*token))?);
            }
            at += len;
            let (letter, text) = name.split_first()?;
            found.push((*letter, std::str::from_utf8(text).ok()?.to_owned()));
        }
        // Behind the last name nothing but what fills up to the marks.
        (at <= marks && marks - at < 8).then_some(found)
    }

    /// The names with their addresses, which are before the names or behind the tokens.
    fn with_addresses(&self, image: &[u8], names: usize, found: Vec<(u8, String)>) -> Option<Vec<Row>> {
        let room = (4 * found.len()).next_multiple_of(8);
        let before = (names - 8).checked_sub(8).and_then(|base| Some((base.checked_sub(room)?, base)));
        let behind = Some((self.end.next_multiple_of(8), self.end.next_multiple_of(8) + room));
        let is_address = |at: usize| quad(image, at).filter(|base| base >> 47 == 0x1_ffff);
        let (offsets, base) =
            [behind, before].into_iter().flatten().find_map(|(offsets, at)| Some((offsets, is_address(at)?)))?;
        let offset = |nth: usize| word(image, offsets + 4 * nth).map(|offset| offset as i32);
        // Where variables of each CPU are told apart, these are small numbers as they are, and all others are negative.
        let apart = (0..found.len()).any(|nth| offset(nth).is_some_and(|offset| offset < 0));
        let mut rows = Vec::with_capacity(found.len());
        for (nth, (letter, name)) in found.into_iter().enumerate() {
            let address = match (apart, offset(nth)?) {
                (false, offset) => base.checked_add(u64::from(offset as u32))?,
                (true, offset @ 0..) => offset as u64,
                (true, offset) => base.checked_add(i64::from(offset).unsigned_abs() - 1)?,
            };
            rows.push((address, letter, name));
        }
        Some(rows)
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
