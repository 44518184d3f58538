//! The store in memory against a model that could not be simpler.

use super::*;
use crate::user::{Entry, Store, StoreError};

/// The next number of a fixed sequence (a linear congruential generator, its upper bits).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn against_model(wrap: bool, seed: u64) {
    const CAPACITY: usize = 20;
    let shape = array(&[Type::Text, Type::Long], Element::Value(Type::Long), CAPACITY as u32, wrap);
    let mut store = World::with_globals(&[shape]).store;
    // Keys in a map, and the order of their making beside it.
    let mut model: BTreeMap<Vec<Datum>, i64> = BTreeMap::new();
    let mut made: Vec<Vec<Datum>> = vec![];
    let mut state = seed;
    let mut refusals = 0;
    for _ in 0..20_000 {
        let keys = vec![
            Datum::from(["a", "b", "c"][next(&mut state) as usize % 3]),
            Datum::Long((next(&mut state) % 12) as i64),
        ];
        let value = (next(&mut state) % 100) as i64 - 50;
        let is_new = !model.contains_key(&keys);
        let writes = |store: Result<(), StoreError>, model: &mut BTreeMap<_, _>, made: &mut Vec<_>, value| {
            if is_new && model.len() >= CAPACITY && !wrap {
                assert_eq!(store, Err(StoreError::Full));
                return 1;
            }
            assert_eq!(store, Ok(()));
            if is_new && model.len() >= CAPACITY {
                model.remove(&made.remove(0));
            }
            if is_new {
                made.push(keys.clone());
            }
            model.insert(keys.clone(), value);
            0
        };
        match next(&mut state) % 16 {
            0..5 => refusals += writes(store.element_set(G0, &keys, value.into()), &mut model, &mut made, value),
            5..9 => {
                let sum = model.get(&keys).copied().unwrap_or(0) + value;
                let outcome = store.element_add(G0, &keys, value);
                if let Ok(given) = outcome {
                    assert_eq!(given, sum);
                }
                refusals += writes(outcome.map(|_| ()), &mut model, &mut made, sum);
            }
            9..13 => {
                store.element_delete(G0, &keys).unwrap();
                model.remove(&keys);
                made.retain(|known| *known != keys);
            }
            13 => assert_eq!(store.contains(G0, &keys), Ok(!is_new)),
            14 => assert_eq!(store.element_get(G0, &keys), Ok(model.get(&keys).map(|value| Datum::Long(*value)))),
            _ => {
                let expected: Vec<_> =
                    made.iter().map(|keys| (keys.clone(), Entry::Value(model[keys].into()))).collect();
                assert_eq!(store.entries(G0), Ok(expected));
                if next(&mut state).is_multiple_of(64) {
                    store.clear(G0).unwrap();
                    model.clear();
                    made.clear();
                }
            }
        }
    }
    assert_eq!(refusals > 0, !wrap, "the test must come to the limit");
}

#[test]
fn it_does_what_a_map_does() {
    for seed in 1..5 {
        against_model(false, seed);
        against_model(true, seed);
    }
}

#[test]
fn operations_that_do_not_fit_are_refused() {
    let mut store = World::with_globals(&[scalar(0)]).store;
    let misfit = StoreError::Refused(22);
    assert_eq!(store.entries(G0), Err(misfit));
    assert_eq!(store.element_get(G0, &[1.into()]), Err(misfit));
    assert_eq!(store.accumulate(G0, &[], 1), Err(misfit));
    assert_eq!(store.get(GlobalId(9)), Err(misfit));
}

#[test]
fn a_full_array_of_no_room_takes_nothing_even_if_it_wraps() {
    let mut store = World::with_globals(&[array(&[Type::Long], Element::Value(Type::Long), 0, true)]).store;
    assert_eq!(store.element_set(G0, &[1.into()], 1.into()), Err(StoreError::Full));
}
