//! Maps of the running kernel, from user space alone.
//!
//! It must never depend on a program: those are in programs.rs.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod assembly;

use std::collections::{BTreeMap, BTreeSet};

use assembly::{may_trace, plain_map, shared_array};
use systap_sys::bpf::{Map, MapFlags, MapKind, MapSpec, UpdateMode};
use systap_sys::cpu::possible_cpus;

// Errnos as in errno(3) on every architecture that BPF runs on.
const ENOENT: i32 = 2;
const E2BIG: i32 = 7;
const EEXIST: i32 = 17;
const EINVAL: i32 = 22;
const EPERM: i32 = 1;

#[test]
fn a_hash_keeps_what_it_is_given() {
    if !may_trace() {
        return;
    }
    let map = plain_map(MapKind::Hash, 8, 4, 2);
    let mut value = [0; 4];
    assert!(!map.lookup(b"aaaaaaaa", &mut value).unwrap());
    map.update(b"aaaaaaaa", b"1111", UpdateMode::NoExist).unwrap();
    assert!(map.lookup(b"aaaaaaaa", &mut value).unwrap());
    assert_eq!(&value, b"1111");
    assert_eq!(map.update(b"aaaaaaaa", b"2222", UpdateMode::NoExist).unwrap_err().errno, EEXIST);
    assert_eq!(map.update(b"bbbbbbbb", b"2222", UpdateMode::Exist).unwrap_err().errno, ENOENT);
    map.update(b"aaaaaaaa", b"2222", UpdateMode::Exist).unwrap();
    map.update(b"bbbbbbbb", b"3333", UpdateMode::Any).unwrap();
    assert_eq!(map.update(b"cccccccc", b"4444", UpdateMode::Any).unwrap_err().errno, E2BIG);
    assert!(map.lookup(b"aaaaaaaa", &mut value).unwrap());
    assert_eq!(&value, b"2222");
    assert!(map.delete(b"aaaaaaaa").unwrap());
    assert!(!map.delete(b"aaaaaaaa").unwrap());
    assert!(!map.lookup(b"aaaaaaaa", &mut value).unwrap());
}

#[test]
fn lengths_that_are_not_the_maps_are_refused() {
    if !may_trace() {
        return;
    }
    let map = plain_map(MapKind::Hash, 8, 4, 2);
    assert_eq!(map.lookup(b"short", &mut [0; 4]).unwrap_err().errno, EINVAL);
    assert_eq!(map.lookup(b"aaaaaaaa", &mut [0; 3]).unwrap_err().errno, EINVAL);
    assert_eq!(map.update(b"aaaaaaaa", b"12345", UpdateMode::Any).unwrap_err().errno, EINVAL);
    assert_eq!(map.delete(b"aaaaaaaaa").unwrap_err().errno, EINVAL);
    let per_cpu = plain_map(MapKind::PerCpuArray, 4, 4, 1);
    assert_eq!(per_cpu.lookup(&[0; 4], &mut [0; 4]).unwrap_err().errno, EINVAL);
}

#[test]
fn per_cpu_values_follow_each_other_in_eights() {
    if !may_trace() {
        return;
    }
    let cpus = possible_cpus().unwrap();
    let flags = MapFlags { no_prealloc: true, ..Default::default() };
    let spec = MapSpec { kind: MapKind::PerCpuHash, key_size: 4, value_size: 12, max_entries: 64, flags, name: "per" };
    for map in [Map::create(&spec).unwrap(), plain_map(MapKind::PerCpuArray, 4, 12, 64)] {
        assert_eq!(map.value_bytes(), 16 * cpus);
        let mut given = vec![0; map.value_bytes()];
        for (cpu, value) in given.chunks_mut(16).enumerate() {
            value[..12].fill(cpu as u8 + 1);
        }
        map.update(&5_u32.to_ne_bytes(), &given, UpdateMode::Any).unwrap();
        let mut got = vec![0xff; map.value_bytes()];
        assert!(map.lookup(&5_u32.to_ne_bytes(), &mut got).unwrap());
        assert_eq!(got, given);
        let mut seen = 0;
        map.entries(&mut |key, value| {
            if key == 5_u32.to_ne_bytes() {
                assert_eq!(value, given);
                seen += 1;
            }
        })
        .unwrap();
        assert_eq!(seen, 1);
        map.clear().unwrap();
        let found = map.lookup(&5_u32.to_ne_bytes(), &mut got).unwrap();
        assert!(!found || got.iter().all(|byte| *byte == 0));
    }
}

/// A map of `count` elements whose values are their keys, squared.
fn squares(kind: MapKind, flags: MapFlags, count: u32) -> Map {
    let spec = MapSpec { kind, key_size: 4, value_size: 8, max_entries: count, flags, name: "squares" };
    let map = Map::create(&spec).unwrap();
    for key in 0..count {
        let square = u64::from(key) * u64::from(key);
        map.update(&key.to_ne_bytes(), &square.to_ne_bytes(), UpdateMode::Any).unwrap();
    }
    map
}

fn read_squares(map: &Map, take: bool) -> BTreeMap<u32, u64> {
    let mut found = BTreeMap::new();
    let mut each = |key: &[u8], value: &[u8]| {
        let (key, value) = (key.try_into().unwrap(), value.try_into().unwrap());
        assert_eq!(found.insert(u32::from_ne_bytes(key), u64::from_ne_bytes(value)), None, "seen twice");
    };
    if take { map.take_entries(&mut each) } else { map.entries(&mut each) }.unwrap();
    found
}

#[test]
fn five_thousand_elements_are_each_seen_once() {
    if !may_trace() {
        return;
    }
    let expected: BTreeMap<u32, u64> = (0..5000).map(|key| (key, u64::from(key) * u64::from(key))).collect();
    let no_prealloc = MapFlags { no_prealloc: true, ..Default::default() };
    for flags in [MapFlags::default(), no_prealloc] {
        let map = squares(MapKind::Hash, flags, 5000);
        assert!(read_squares(&map, false) == expected);
        assert!(read_squares(&map, true) == expected);
        assert!(read_squares(&map, false).is_empty());
    }
    let array = squares(MapKind::Array, MapFlags::default(), 5000);
    assert!(read_squares(&array, false) == expected);
    assert_eq!(array.take_entries(&mut |_, _| ()).unwrap_err().errno, EINVAL);
    array.clear().unwrap();
    assert!(read_squares(&array, false).values().all(|value| *value == 0));
}

#[test]
fn a_hash_that_forgets_can_be_read_and_cleared() {
    if !may_trace() {
        return;
    }
    let map = plain_map(MapKind::LruHash, 4, 8, 100);
    for key in 0..1000_u32 {
        map.update(&key.to_ne_bytes(), &u64::from(key).to_ne_bytes(), UpdateMode::Any).unwrap();
    }
    let kept = read_squares(&map, false);
    assert!(!kept.is_empty() && kept.len() <= 100, "{}", kept.len());
    assert!(kept.iter().all(|(key, value)| u64::from(*key) == *value));
    map.clear().unwrap();
    assert!(read_squares(&map, false).is_empty());
}

#[test]
fn a_full_small_hash_and_an_empty_one_end() {
    if !may_trace() {
        return;
    }
    for count in [1, 2, 17] {
        let map = squares(MapKind::Hash, MapFlags::default(), count);
        let keys: BTreeSet<u32> = read_squares(&map, false).into_keys().collect();
        assert_eq!(keys, (0..count).collect());
        map.clear().unwrap();
        assert!(read_squares(&map, false).is_empty());
    }
}

#[test]
fn a_map_without_batches_is_read_key_by_key() {
    if !may_trace() {
        return;
    }
    // Stacks can only be put there by programs; what is tried is that walking an empty one ends.
    let stacks = plain_map(MapKind::StackTrace, 4, 8 * 16, 64);
    let mut seen = 0;
    stacks.entries(&mut |_, _| seen += 1).unwrap();
    stacks.clear().unwrap();
    assert_eq!(seen, 0);
}

#[test]
fn a_mapped_array_is_seen_from_both_sides() {
    if !may_trace() {
        return;
    }
    let flags = MapFlags { mmapable: true, ..Default::default() };
    let spec = MapSpec { kind: MapKind::Array, key_size: 4, value_size: 12, max_entries: 3, flags, name: "words" };
    let map = Map::create(&spec).unwrap();
    let words = map.map_values().unwrap();
    assert_eq!((words.len(), words.words_per_element()), (6, 2));
    words.store(2, -7);
    assert_eq!(words.fetch_add(2, 3), -7);
    assert_eq!(words.compare_exchange(2, -4, 11), Ok(-4));
    assert_eq!(words.compare_exchange(2, -4, 12), Err(11));
    let mut value = [0; 12];
    assert!(map.lookup(&1_u32.to_ne_bytes(), &mut value).unwrap());
    assert_eq!(value[..8], 11_u64.to_ne_bytes());
    value[..8].copy_from_slice(&i64::MIN.to_ne_bytes());
    map.update(&2_u32.to_ne_bytes(), &value, UpdateMode::Any).unwrap();
    assert_eq!(words.load(4), i64::MIN);
    // Past the end.
    words.store(6, 1);
    assert_eq!((words.load(6), words.fetch_add(usize::MAX, 1)), (0, 0));
    assert!(words.word(6).is_none());
}

#[test]
fn only_arrays_made_for_it_are_mapped() {
    if !may_trace() {
        return;
    }
    assert_eq!(plain_map(MapKind::Array, 4, 8, 1).map_values().unwrap_err().errno, EINVAL);
    assert_eq!(plain_map(MapKind::Hash, 4, 8, 1).map_values().unwrap_err().errno, EINVAL);
}

#[test]
fn a_frozen_map_cannot_be_written() {
    if !may_trace() {
        return;
    }
    let flags = MapFlags { readonly_for_program: true, ..Default::default() };
    let spec = MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 1, flags, name: "constants" };
    let map = Map::create(&spec).unwrap();
    map.update(&[0; 4], &[7; 8], UpdateMode::Any).unwrap();
    map.freeze().unwrap();
    assert_eq!(map.update(&[0; 4], &[8; 8], UpdateMode::Any).unwrap_err().errno, EPERM);
    let frozen = shared_array(1);
    frozen.freeze().unwrap();
    assert_eq!(frozen.map_values().unwrap_err().errno, EPERM);
}

#[test]
fn sizes_that_no_map_has_are_errors() {
    if !may_trace() {
        return;
    }
    let spec = MapSpec {
        kind: MapKind::RingBuf,
        key_size: 0,
        value_size: 0,
        max_entries: 5000,
        flags: MapFlags::default(),
        name: "ring",
    };
    assert_eq!(Map::create(&spec).unwrap_err().errno, EINVAL);
    let array = MapSpec { kind: MapKind::PerCpuArray, key_size: 4, value_size: u32::MAX, max_entries: 1, ..spec };
    assert!(matches!(Map::create(&array).unwrap_err().errno, E2BIG | EINVAL));
}
