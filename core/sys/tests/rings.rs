//! Ring buffers of the running kernel, filled by programs that are run one by one.
//!
//! It must never attach anything: what is in the ring is known to the record.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod assembly;

use std::time::Duration;

use assembly::*;
use systap_sys::RingBuffer;
use systap_sys::bpf::{Map, MapKind, Program, ProgramKind, SharedWords};
use systap_sys::event::Poller;

const RINGBUF_OUTPUT: i32 = 130;
const RINGBUF_RESERVE: i32 = 131;
const RINGBUF_SUBMIT: i32 = 132;
const RINGBUF_DISCARD: i32 = 133;

/// A ring of `size` bytes and a program that puts one record there whose length is its first argument (below 256):
/// a sequence number, then bytes that count up. Word 0 counts records tried, word 1 those that found no room.
fn producer(size: u32, flags: i32) -> (Map, Program, SharedWords) {
    let ring = plain_map(MapKind::RingBuf, 0, 0, size);
    let array = shared_array(64);
    let words = array.map_values().unwrap();
    for word in 3..64 {
        let bytes: [u8; 8] = std::array::from_fn(|byte| ((word - 2) * 8 + byte) as u8);
        words.store(word, i64::from_ne_bytes(bytes));
    }
    let mut code = vec![load(7, 1, 0), insn(0x57, 7, 0, 0, 255)];
    code.extend(map_value(6, &array));
    code.extend([set(1, 1), atomic_fetch_add(6, 0, 1), store(6, 16, 1)]);
    code.extend(map(1, &ring));
    code.extend([copy(2, 6), add(2, 16), copy(3, 7), set(4, flags), call(RINGBUF_OUTPUT)]);
    code.extend([insn(0x15, 0, 0, 2, 0), set(1, 1), atomic_add(6, 8, 1), set(0, 0), exit()]);
    (ring, load_program(ProgramKind::RawTracepoint, &code), words)
}

fn produce(program: &Program, length: u64) {
    program.test_run(&length.to_ne_bytes()).unwrap();
}

const NO_WAKEUP: i32 = 1;

#[test]
fn records_wrap_around_whole_and_in_order() {
    if !may_trace() {
        return;
    }
    let (map, program, words) = producer(4096, NO_WAKEUP);
    let mut ring = RingBuffer::new(&map).unwrap();
    assert!(ring.is_empty());
    let pattern: Vec<u8> = (0..=255).collect();
    let (mut expected, mut bytes) = (0_u64, 0);
    let length = |number: u64| number * 37 % 256;
    for round in 0..20_000 {
        produce(&program, length(round));
        // One to nine records pending before they are read.
        if round % 9 == 0 || round % 5 == 0 {
            ring.drain(usize::MAX, &mut |record| {
                assert_eq!(record.len() as u64, length(expected));
                assert_eq!(record.as_ptr().addr() % 8, 0);
                let head = record.len().min(8);
                assert_eq!(record[..head], expected.to_ne_bytes()[..head]);
                assert_eq!(record[head..], pattern[head..record.len()]);
                expected += 1;
                bytes += record.len();
            });
            assert!(ring.is_empty());
        }
    }
    ring.drain(usize::MAX, &mut |_| expected += 1);
    assert_eq!((expected, words.load(0), words.load(1)), (20_000, 20_000, 0));
    assert!(bytes > 100 * 4096, "went around {} times", bytes / 4096);
}

#[test]
fn what_found_no_room_is_counted_and_the_sum_is_what_was_produced() {
    if !may_trace() {
        return;
    }
    let (map, program, words) = producer(4096, NO_WAKEUP);
    let mut ring = RingBuffer::new(&map).unwrap();
    let (mut delivered, mut sum) = (0, 0);
    for _ in 0..50 {
        for _ in 0..200 {
            produce(&program, 8);
        }
        // 16 bytes a record with its header.
        assert_eq!(ring.pending_bytes(), 200 * 16);
        delivered += ring.drain(usize::MAX, &mut |record| sum += u64::from_ne_bytes(record.try_into().unwrap()));
    }
    let (produced, failed) = (words.load(0), words.load(1));
    assert_eq!(produced, 50 * 200);
    assert_eq!(delivered as i64 + failed, produced);
    // All bursts are of 200 records that fit, so nothing was lost so far; now they do not.
    assert_eq!(failed, 0);
    for _ in 0..1000 {
        produce(&program, 8);
    }
    let kept = ring.drain(usize::MAX, &mut |record| sum += u64::from_ne_bytes(record.try_into().unwrap()));
    assert!((200..=256).contains(&kept), "{kept}");
    assert_eq!(words.load(1), 1000 - kept as i64);
    // The numbers of those that arrived: all before the flood, and the first of it.
    let last = 10_000 + kept as u64;
    assert_eq!(sum, last * (last - 1) / 2);
}

#[test]
fn reads_no_more_than_asked() {
    if !may_trace() {
        return;
    }
    let (map, program, _words) = producer(65536, NO_WAKEUP);
    let mut ring = RingBuffer::new(&map).unwrap();
    for _ in 0..200 {
        produce(&program, 8);
    }
    assert_eq!(ring.pending_bytes(), 200 * 16);
    assert_eq!(ring.drain(0, &mut |_| panic!("a record")), 0);
    let mut first = Vec::new();
    assert_eq!(ring.drain(70, &mut |record| first.push(record[0])), 70);
    assert_eq!(first, (0..70).collect::<Vec<u8>>());
    assert_eq!(ring.pending_bytes(), 130 * 16);
    assert_eq!(ring.drain(1000, &mut |_| ()), 130);
    assert_eq!(ring.drain(1000, &mut |_| ()), 0);
}

#[test]
fn given_up_records_are_skipped() {
    if !may_trace() {
        return;
    }
    let map_ = plain_map(MapKind::RingBuf, 0, 0, 4096);
    // Reserves 8 bytes for its first argument, and gives odd ones up.
    let mut code = vec![load(7, 1, 0)];
    code.extend(map(1, &map_));
    code.extend([set(2, 8), set(3, 0), call(RINGBUF_RESERVE)]);
    code.extend([insn(0x15, 0, 0, 7, 0), store(0, 0, 7), copy(1, 0), set(2, NO_WAKEUP)]);
    code.extend([insn(0x57, 7, 0, 0, 1), insn(0x55, 7, 0, 3, 0), call(RINGBUF_SUBMIT), set(0, 0), exit()]);
    code.extend([call(RINGBUF_DISCARD), set(0, 0), exit()]);
    let program = load_program(ProgramKind::RawTracepoint, &code);
    let mut ring = RingBuffer::new(&map_).unwrap();
    for number in 0..100_u64 {
        program.test_run(&number.to_ne_bytes()).unwrap();
    }
    let mut seen = Vec::new();
    let given = ring.drain(usize::MAX, &mut |record| seen.push(u64::from_ne_bytes(record.try_into().unwrap())));
    assert_eq!(given, 50);
    assert_eq!(seen, (0..100).step_by(2).collect::<Vec<u64>>());
    assert!(ring.is_empty());
}

#[test]
fn a_record_wakes_the_poller_unless_told_not_to() {
    if !may_trace() {
        return;
    }
    for (flags, woken) in [(0, true), (NO_WAKEUP, false)] {
        let (map, program, _words) = producer(4096, flags);
        let mut ring = RingBuffer::new(&map).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&ring, 42).unwrap();
        for _ in 0..3 {
            assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
            produce(&program, 8);
            let timeout = Duration::from_millis(if woken { 5000 } else { 20 });
            assert_eq!(!poller.wait(Some(timeout)).unwrap().is_empty(), woken);
            assert_eq!(ring.drain(usize::MAX, &mut |_| ()), 1);
        }
    }
}

#[test]
fn what_arrives_during_reading_is_read_too() {
    if !may_trace() {
        return;
    }
    let (map, program, words) = producer(4096, NO_WAKEUP);
    let mut ring = RingBuffer::new(&map).unwrap();
    produce(&program, 200);
    // Three times what the ring holds: space must be given back on the way, too.
    let mut left = 60;
    let given = ring.drain(usize::MAX, &mut |_| {
        if left > 0 {
            produce(&program, 200);
            left -= 1;
        }
    });
    assert_eq!((given, words.load(1)), (61, 0));
}

#[test]
fn a_ring_has_one_reader() {
    if !may_trace() {
        return;
    }
    let map = plain_map(MapKind::RingBuf, 0, 0, 4096);
    let _reader = RingBuffer::new(&map).unwrap();
    assert!(RingBuffer::new(&map).is_err());
    assert!(RingBuffer::new(&plain_map(MapKind::Hash, 4, 4, 1)).is_err());
}

#[test]
fn reads_while_another_thread_produces() {
    if !may_trace() {
        return;
    }
    let (map, program, words) = producer(16384, 0);
    let mut ring = RingBuffer::new(&map).unwrap();
    let mut poller = Poller::new().unwrap();
    poller.add(&ring, 0).unwrap();
    let mut numbers = Vec::new();
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| (0..200_000).for_each(|_| produce(&program, 8)));
        while !producer.is_finished() {
            poller.wait(Some(Duration::from_millis(5))).unwrap();
            ring.drain(usize::MAX, &mut |record| numbers.push(u64::from_ne_bytes(record.try_into().unwrap())));
        }
    });
    ring.drain(usize::MAX, &mut |record| numbers.push(u64::from_ne_bytes(record.try_into().unwrap())));
    assert_eq!(words.load(0), 200_000);
    assert_eq!(numbers.len() as i64 + words.load(1), 200_000);
    assert!(numbers.is_sorted_by(|one, next| one < next));
}
