//! Globals over real maps, against what a plain map would hold. The kernel side is played by updates of the maps.

use super::*;
use std::collections::BTreeMap;

use crate::load::load;
use crate::load::tests::may_load;
use systap_bpf::artifact::{Artifact, MapKind, MapPlan, MapRole};
use systap_diagnostics::{FileId, Span};
use systap_ir::placed::control;
use systap_ir::program::{AggregateFn, Constant};
use systap_kernel::Kernel;

const LONG: Slot = Slot { ty: Type::Long, size: 8 };
const TEXT: Slot = Slot { ty: Type::Text, size: 16 };

const NUMBER: GlobalId = GlobalId(0);
const NAME: GlobalId = GlobalId(1);
const SHARED: GlobalId = GlobalId(2);
const PER_CPU: GlobalId = GlobalId(3);
const TEXTS: GlobalId = GlobalId(4);
const SUMS: GlobalId = GlobalId(5);
const WHOLE: GlobalId = GlobalId(6);
const OURS: GlobalId = GlobalId(7);
const WRAPPING: GlobalId = GlobalId(8);
const COUNTS: GlobalId = GlobalId(9);

const CAPACITY: u32 = 40;

/// A program with a global of each residence, and the maps that its kernel part would have.
fn everything() -> (Placed, Artifact) {
    let array =
        |keys: &[Type], element, wrap| GlobalShape::Array { keys: keys.to_vec(), element, capacity: CAPACITY, wrap };
    let table = |keys: &[Slot], value, per_cpu| Residence::Table { keys: keys.to_vec(), value, per_cpu };
    let shape = AggregateShape { logarithmic: true, ..AggregateShape::default() };
    let (long, text) = (Element::Value(Type::Long), Element::Value(Type::Text));
    let (longs, both) = ([Type::Long], [Type::Text, Type::Long]);
    let globals = [
        (GlobalShape::Scalar(Constant::Long(41)), Residence::Word(control::FIRST_FREE)),
        (GlobalShape::Scalar(Constant::Text(b"first".to_vec())), Residence::Text(16)),
        (array(&both, long.clone(), false), table(&[TEXT, LONG], Some(LONG), false)),
        (array(&longs, long.clone(), false), table(&[LONG], Some(LONG), true)),
        (array(&longs, text, false), table(&[LONG], Some(TEXT), false)),
        (array(&longs, Element::Aggregate(shape.clone()), false), table(&[LONG], None, true)),
        (GlobalShape::Aggregate(shape.clone()), Residence::Aggregate),
        (array(&longs, long.clone(), false), Residence::User),
        (array(&longs, long, true), table(&[LONG], Some(LONG), false)),
        (GlobalShape::Aggregate(AggregateShape { sums_only: true, ..shape.clone() }), Residence::Aggregate),
    ];
    let span = Span::new(FileId(0), 0, 0);
    let global = |(shape, residence): (GlobalShape, Residence)| {
        (Global { name: "g".into(), span, shape, print_at_end: false, pointer: false }, residence)
    };
    let map = |role, kind, key_size, value_size, entries| MapPlan {
        name: "m".into(),
        role,
        kind,
        key_size,
        value_size,
        entries,
        contents: None,
    };
    let words = AggregateLayout::of(&shape).words * 8;
    let of = MapRole::Global;
    let maps = vec![
        map(MapRole::Words, MapKind::MappedArray, 4, 8, control::FIRST_FREE + 1),
        map(of(NAME), MapKind::Array, 4, 16, 1),
        map(of(SHARED), MapKind::Hash, 24, 8, CAPACITY),
        map(of(PER_CPU), MapKind::PerCpuHash, 8, 8, CAPACITY),
        map(of(TEXTS), MapKind::Hash, 8, 16, CAPACITY),
        map(of(SUMS), MapKind::PerCpuHash, 8, words, CAPACITY),
        map(of(WHOLE), MapKind::PerCpuArray, 4, words, 1),
        map(of(WRAPPING), MapKind::Hash, 8, 8, CAPACITY),
        map(of(COUNTS), MapKind::PerCpuArray, 4, words, 1),
    ];
    let placed = Placed { globals: globals.map(global).to_vec(), ..Placed::default() };
    (placed, Artifact { maps, ..Artifact::default() })
}

/// Runs a test on a store over real maps.
fn with_store(test: impl FnOnce(&mut MapStore<'_>, &Loaded)) {
    if !may_load() {
        return;
    }
    let (placed, artifact) = everything();
    let loaded = load(&artifact, &placed, &Kernel::running()).unwrap();
    test(&mut MapStore::new(&placed, Some(&loaded)).unwrap(), &loaded);
}

/// What the kernel side would have put there: these words for each CPU.
fn put(loaded: &Loaded, global: GlobalId, key: &[u8], each_cpu: impl Fn(usize) -> Vec<i64>) {
    let map = loaded.map_of(global).unwrap();
    let words = map.value_size() / 8;
    let cpus = map.value_bytes() / map.value_size();
    let mut value = vec![];
    for cpu in 0..cpus {
        let mut of_cpu = each_cpu(cpu);
        of_cpu.resize(words, 0);
        value.extend(of_cpu.into_iter().flat_map(i64::to_ne_bytes));
    }
    map.update(key, &value, UpdateMode::Any).unwrap();
}

fn long(value: i64) -> [Datum; 1] {
    [Datum::Long(value)]
}

#[test]
fn words_and_texts_begin_with_their_first_values() {
    with_store(|store, loaded| {
        assert_eq!(store.get(NUMBER), Ok(Datum::Long(41)));
        assert_eq!(store.add(NUMBER, 2), Ok(43));
        assert_eq!(loaded.words.as_ref().unwrap().load(control::FIRST_FREE as usize), 43);
        loaded.words.as_ref().unwrap().store(control::FIRST_FREE as usize, i64::MAX);
        assert_eq!(store.add(NUMBER, 1), Ok(i64::MIN));
        // In another handler, which has not read it.
        store.start();
        store.clear(NUMBER).unwrap();
        assert_eq!(store.get(NUMBER), Ok(Datum::Long(0)));

        assert_eq!(store.get(NAME), Ok(Datum::from("first")));
        store.set(NAME, Datum::from("one that is too long")).unwrap();
        assert_eq!(store.get(NAME), Ok(Datum::from("one that is too")));
        store.clear(NAME).unwrap();
        assert_eq!(store.get(NAME), Ok(Datum::from("")));
    });
}

#[test]
fn elements_of_a_shared_table() {
    with_store(|store, loaded| {
        let key = |name: &str, number| [Datum::from(name), Datum::Long(number)];
        assert_eq!(store.element_get(SHARED, &key("a", 1)), Ok(None));
        store.element_set(SHARED, &key("a", 1), Datum::Long(5)).unwrap();
        assert_eq!(store.element_add(SHARED, &key("a", 1), 3), Ok(8));
        assert_eq!(store.element_add(SHARED, &key("b", 1), 3), Ok(3));
        put(loaded, SHARED, b"kernel\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0", |_| vec![99]);
        let entries = store.entries(SHARED).unwrap();
        let value = |long| Entry::Value(Datum::Long(long));
        let expected = [
            (key("a", 1).to_vec(), value(8)),
            (key("b", 1).to_vec(), value(3)),
            (key("kernel", 7).to_vec(), value(99)),
        ];
        assert_eq!(entries, expected);
        store.element_delete(SHARED, &key("a", 1)).unwrap();
        store.element_delete(SHARED, &key("a", 1)).unwrap();
        assert_eq!(store.contains(SHARED, &key("a", 1)), Ok(false));
        assert_eq!(store.contains(SHARED, &key("b", 1)), Ok(true));
        store.clear(SHARED).unwrap();
        assert_eq!(store.entries(SHARED), Ok(vec![]));
        assert_eq!(store.element_get(SHARED, &long(1)), Err(MISFIT), "too few keys");
    });
}

#[test]
fn what_each_processor_counted_is_summed_and_what_we_add_is_kept() {
    with_store(|store, loaded| {
        let cpus = systap_sys::cpu::possible_cpus().unwrap() as i64;
        put(loaded, PER_CPU, &7i64.to_ne_bytes(), |cpu| vec![cpu as i64 + 10]);
        let sum = (0..cpus).map(|cpu| cpu + 10).sum::<i64>();
        assert_eq!(store.element_get(PER_CPU, &long(7)), Ok(Some(Datum::Long(sum))));
        assert_eq!(store.element_add(PER_CPU, &long(7), 5), Ok(sum + 5));
        // The kernel side goes on meanwhile; neither loses what the other adds.
        put(loaded, PER_CPU, &7i64.to_ne_bytes(), |cpu| vec![cpu as i64 + 20]);
        assert_eq!(store.element_get(PER_CPU, &long(7)), Ok(Some(Datum::Long(sum + 10 * cpus + 5))));
        store.element_set(PER_CPU, &long(7), Datum::Long(-1)).unwrap();
        assert_eq!(store.element_get(PER_CPU, &long(7)), Ok(Some(Datum::Long(-1))));
        assert_eq!(store.element_add(PER_CPU, &long(8), 2), Ok(2));
        let value = |long| Entry::Value(Datum::Long(long));
        assert_eq!(store.entries(PER_CPU).unwrap(), [(long(7).to_vec(), value(-1)), (long(8).to_vec(), value(2))]);
        store.element_delete(PER_CPU, &long(8)).unwrap();
        assert_eq!(store.element_get(PER_CPU, &long(8)), Ok(None));
        assert_eq!(store.element_add(PER_CPU, &long(8), 1), Ok(1), "deleted is forgotten");
        store.clear(PER_CPU).unwrap();
        assert_eq!(store.element_add(PER_CPU, &long(8), 1), Ok(1));
    });
}

#[test]
fn aggregates_of_both_sides_are_one() {
    with_store(|store, loaded| {
        let cpus = systap_sys::cpu::possible_cpus().unwrap() as i64;
        // Each CPU has seen 3 and 100; buckets 66 and 71 of the logarithmic histogram.
        let seen = |_| {
            let mut words = vec![2, 103, 3, 100];
            words.resize(4 + 128, 0);
            (words[4 + 66], words[4 + 71]) = (1, 1);
            words
        };
        put(loaded, WHOLE, &0u32.to_ne_bytes(), seen);
        put(loaded, SUMS, &9i64.to_ne_bytes(), seen);
        for (global, keys) in [(WHOLE, vec![]), (SUMS, long(9).to_vec())] {
            store.accumulate(global, &keys, -4).unwrap();
            let aggregate = store.aggregate(global, &keys).unwrap().unwrap();
            assert_eq!(aggregate.get(AggregateFn::Count), Some(2 * cpus + 1));
            assert_eq!(aggregate.get(AggregateFn::Sum), Some(103 * cpus - 4));
            assert_eq!((aggregate.get(AggregateFn::Min), aggregate.get(AggregateFn::Max)), (Some(-4), Some(100)));
            let buckets = aggregate.logarithmic.unwrap();
            assert_eq!((buckets[66], buckets[71], buckets[61]), (cpus, cpus, 1));
            store.clear(global).unwrap();
        }
        assert_eq!(store.aggregate(WHOLE, &[]).unwrap().unwrap().count, 0);
        assert_eq!(store.aggregate(SUMS, &long(9)), Ok(None));
        store.accumulate(SUMS, &long(1), 5).unwrap();
        assert_eq!(store.contains(SUMS, &long(1)), Ok(true));
        assert_eq!(store.aggregate(SUMS, &long(1)).unwrap().unwrap().sum, 5);
    });
}

#[test]
fn a_full_table_is_full_and_one_that_wraps_is_not() {
    with_store(|store, _| {
        for key in 0..i64::from(CAPACITY) {
            for table in [SHARED, PER_CPU, TEXTS, SUMS, WRAPPING] {
                match table {
                    SHARED => store.element_set(table, &[Datum::from("k"), Datum::Long(key)], Datum::Long(1)),
                    TEXTS => store.element_set(table, &long(key), Datum::from("v")),
                    SUMS => store.accumulate(table, &long(key), 1),
                    _ => store.element_add(table, &long(key), 1).map(drop),
                }
                .unwrap();
            }
        }
        let full = Err(StoreError::Full);
        assert_eq!(store.element_set(SHARED, &[Datum::from("more"), Datum::Long(0)], Datum::Long(1)), full);
        assert_eq!(store.element_add(SHARED, &[Datum::from("k"), Datum::Long(0)], 1), Ok(2), "it was there");
        assert_eq!(store.element_add(PER_CPU, &long(-1), 1).map(drop), full);
        assert_eq!(store.element_set(TEXTS, &long(-1), Datum::from("v")), full);
        assert_eq!(store.accumulate(SUMS, &long(-1), 1), full);
        for key in 100..200 {
            store.element_set(WRAPPING, &long(key), Datum::Long(key)).unwrap();
            assert_eq!(store.element_get(WRAPPING, &long(key)), Ok(Some(Datum::Long(key))));
        }
        assert_eq!(store.entries(WRAPPING).unwrap().len(), CAPACITY as usize);
        // What lives in our own memory has its own room.
        store.element_set(OURS, &long(1), Datum::Long(2)).unwrap();
        assert_eq!(store.element_get(OURS, &long(1)), Ok(Some(Datum::Long(2))));
    });
}

/// A random walk over the shared and the per-CPU table does what a plain map does.
#[test]
fn tables_behave_as_a_plain_map() {
    with_store(|store, _| {
        for table in [PER_CPU, WRAPPING] {
            let mut model: BTreeMap<i64, i64> = BTreeMap::new();
            let mut state = 88_172_645_463_325_252u64;
            for _ in 0..20_000 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let (key, value) = ((state >> 8) as i64 % i64::from(CAPACITY), (state >> 32) as i64);
                match state % 6 {
                    0 => {
                        store.element_set(table, &long(key), Datum::Long(value)).unwrap();
                        model.insert(key, value);
                    }
                    1 => {
                        store.element_delete(table, &long(key)).unwrap();
                        model.remove(&key);
                    }
                    2 | 3 => {
                        let new = model.entry(key).or_default();
                        *new += value;
                        assert_eq!(store.element_add(table, &long(key), value), Ok(*new));
                    }
                    4 => assert_eq!(store.contains(table, &long(key)), Ok(model.contains_key(&key))),
                    _ => {
                        let expected = model.get(&key).map(|value| Datum::Long(*value));
                        assert_eq!(store.element_get(table, &long(key)), Ok(expected));
                    }
                }
            }
            let expected: Vec<_> =
                model.into_iter().map(|(key, value)| (long(key).to_vec(), Entry::Value(Datum::Long(value)))).collect();
            assert!(expected.len() > 5);
            assert_eq!(store.entries(table).unwrap(), expected);
        }
    });
}

#[test]
fn without_a_kernel_part_everything_is_memory() {
    let (placed, _) = everything();
    let mut store = MapStore::new(&placed, None).unwrap();
    assert_eq!(store.get(NUMBER), Ok(Datum::Long(41)));
    assert_eq!(store.get(NAME), Ok(Datum::from("first")));
    store.accumulate(SUMS, &long(1), 3).unwrap();
    assert_eq!(store.aggregate(SUMS, &long(1)).unwrap().unwrap().sum, 3);
}

#[test]
fn what_comes_between_reading_and_deleting_an_aggregate_stays() {
    with_store(|store, loaded| {
        let map = loaded.map_of(COUNTS).unwrap();
        let cpus = (map.value_bytes() / map.value_size()) as i64;
        // Count, sum, least, greatest (not kept), and the bucket of 5.
        let values = |count: i64| {
            let mut words = vec![0; 4 + 128];
            (words[0], words[1], words[4 + 67]) = (count, 5 * count, count);
            words
        };
        let key = 0u32.to_ne_bytes();
        let seen = |store: &mut MapStore<'_>| {
            let aggregate = store.aggregate(COUNTS, &[]).unwrap().unwrap();
            (aggregate.count, aggregate.sum, aggregate.logarithmic.unwrap()[67])
        };
        put(loaded, COUNTS, &key, |_| values(2));
        store.start();
        assert_eq!(seen(store), (2 * cpus, 10 * cpus, 2 * cpus));
        put(loaded, COUNTS, &key, |_| values(5));
        store.clear(COUNTS).unwrap();
        assert_eq!(seen(store), (3 * cpus, 15 * cpus, 3 * cpus));
        // This side's values count like those of another CPU, before and after.
        store.start();
        store.accumulate(COUNTS, &[], 5).unwrap();
        assert_eq!(seen(store), (3 * cpus + 1, 15 * cpus + 5, 3 * cpus + 1));
        store.clear(COUNTS).unwrap();
        assert_eq!(seen(store), (0, 0, 0));
        store.accumulate(COUNTS, &[], 5).unwrap();
        put(loaded, COUNTS, &key, |_| values(6));
        assert_eq!(seen(store), (cpus + 1, 5 * cpus + 5, cpus + 1));
    });
}
