//! How keys, values and aggregates lie in a map, byte by byte; see [`systap_ir::placed::Slot`].
//!
//! It must never fail on what a map holds: bytes that programs wrote always decode to something.

use systap_ir::placed::{AggregateLayout, COUNT, LOG_BUCKETS, MAX, MIN, SUM, Slot};
use systap_ir::program::{AggregateShape, Type};

use crate::user::{Aggregate, Datum, Part};

/// Bytes of a machine word in a map.
pub(crate) const WORD: usize = 8;

/// Appends a value as its slot wants it: a long in 8 bytes, a string cut to one byte less than the slot and padded with
/// NULs. What is of the wrong type becomes 0 or "".
pub(crate) fn encode(value: &Datum, slot: Slot, out: &mut Vec<u8>) {
    match slot.ty {
        Type::Long => out.extend_from_slice(&value.long().to_ne_bytes()),
        Type::Text => encode_text(value.bytes(), slot.size as usize, out),
    }
}

/// Appends a string, cut to one byte less than `size` and padded to it with NULs.
pub(crate) fn encode_text(text: &[u8], size: usize, out: &mut Vec<u8>) {
    let end = out.len() + size;
    out.extend_from_slice(text.get(..size.saturating_sub(1)).unwrap_or(text));
    out.resize(end, 0);
}

/// The value that a slot's bytes hold.
pub(crate) fn decode(bytes: &[u8], slot: Slot) -> Datum {
    match slot.ty {
        Type::Long => Datum::Long(long_at(bytes, 0)),
        Type::Text => Datum::text(until_nul(bytes)),
    }
}

/// The values of consecutive slots; those that `bytes` is too short for are 0 or "".
pub(crate) fn decode_all(mut bytes: &[u8], slots: &[Slot]) -> Vec<Datum> {
    let take = |slot: &Slot| {
        let (value, rest) = bytes.split_at_checked(slot.size as usize).unwrap_or((bytes, &[]));
        bytes = rest;
        decode(value, *slot)
    };
    slots.iter().map(take).collect()
}

/// The bytes before the first NUL, or all.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The word at `index`; 0 past the end.
pub(crate) fn long_at(bytes: &[u8], index: usize) -> i64 {
    bytes.get(index * WORD..).and_then(|rest| rest.first_chunk()).map_or(0, |word| i64::from_ne_bytes(*word))
}

/// An aggregate as one CPU keeps it, laid out as [`AggregateLayout`] says.
pub(crate) fn decode_aggregate(bytes: &[u8], shape: &AggregateShape, layout: &AggregateLayout) -> Aggregate {
    let word = |index: u32| long_at(bytes, index as usize);
    let mut aggregate = Aggregate::empty(shape);
    aggregate.count = word(COUNT);
    aggregate.sum = word(SUM);
    aggregate.min = word(MIN);
    aggregate.max = word(MAX);
    if let (Some(spread), Some(first)) = (&mut aggregate.spread, layout.spread)
        && aggregate.count != 0
    {
        spread.parts.push(Part { count: aggregate.count, mean: word(first), squares: word(first + 1) });
    }
    let buckets = |first: u32, count: u32| (first..first + count).map(word).collect::<Box<[i64]>>();
    aggregate.logarithmic = layout.logarithmic.map(|first| buckets(first, LOG_BUCKETS));
    aggregate.linear = layout.linear.zip(shape.linear).map(|(first, bounds)| buckets(first, bounds.buckets()));
    aggregate
}

/// The aggregates of all CPUs as one; `bytes` holds one after another.
pub(crate) fn merge_aggregates(bytes: &[u8], shape: &AggregateShape, layout: &AggregateLayout) -> Aggregate {
    let mut merged = Aggregate::empty(shape);
    for one in bytes.chunks_exact(layout.words as usize * WORD) {
        merged.merge(&decode_aggregate(one, shape, layout));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_ir::program::LinearBounds;

    const LONG: Slot = Slot { ty: Type::Long, size: 8 };

    fn text(size: u32) -> Slot {
        Slot { ty: Type::Text, size }
    }

    #[test]
    fn keys_are_padded_and_cut() {
        let mut key = vec![];
        encode(&Datum::from("ab"), text(8), &mut key);
        encode(&Datum::Long(-2), LONG, &mut key);
        encode(&Datum::from("abcdefghij"), text(8), &mut key);
        assert_eq!(key, [&b"ab\0\0\0\0\0\0"[..], &(-2i64).to_ne_bytes(), b"abcdefg\0"].concat());
        let back = decode_all(&key, &[text(8), LONG, text(8)]);
        assert_eq!(back, [Datum::from("ab"), Datum::Long(-2), Datum::from("abcdefg")]);
    }

    #[test]
    fn short_bytes_decode_to_zeroes() {
        assert_eq!(decode_all(b"ab", &[text(8), LONG]), [Datum::from("ab"), Datum::Long(0)]);
        assert_eq!(decode(b"", LONG), Datum::Long(0));
        assert_eq!(decode(b"full8byt", text(8)), Datum::from("full8byt"));
    }

    #[test]
    fn aggregates_of_two_processors_are_one() {
        let bounds = LinearBounds { start: 0, stop: 10, interval: 5 };
        let shape = AggregateShape { logarithmic: true, linear: Some(bounds), variance: Some(1), sums_only: false };
        let layout = AggregateLayout::of(&shape);
        let mut expected = Aggregate::empty(&shape);
        let mut bytes = vec![];
        // The third processor has seen nothing: its least and greatest, both 0, must not count.
        for values in [&[3, 900][..], &[7], &[]] {
            let mut one = Aggregate::empty(&shape);
            values.iter().for_each(|value| one.add(*value, &shape));
            expected.merge(&one);
            let words = [one.count, one.sum, one.min, one.max].into_iter();
            let part = one.spread.unwrap().parts.first().copied().unwrap_or_default();
            let words =
                words.chain([part.mean, part.squares]).chain(one.logarithmic.unwrap()).chain(one.linear.unwrap());
            bytes.extend(words.flat_map(i64::to_ne_bytes));
        }
        let merged = merge_aggregates(&bytes, &shape, &layout);
        assert_eq!(merged, expected);
        assert_eq!((merged.count, merged.sum, merged.min, merged.max), (3, 910, 3, 900));
    }
}
