//! The maps of an artifact: which there are, how big, and at which number each is found.
//!
//! Must never leave out a map of a global that lives in one: the user side reads and writes it too.

use std::collections::{HashMap, HashSet};

use systap_ir::placed::{AggregateLayout, Placed, Residence, control};
use systap_ir::program::{Element, GlobalId, GlobalShape};

use crate::artifact::{MapKind, MapPlan, MapRole};

/// The most calls of a function that are in it at a time for its return probe to know their arguments; of more, the return is missed.
const MOST_CALLS: u32 = 16_384;

/// The maps while code is generated; sizes of those that grow are settled by [`Maps::finish`].
pub(crate) struct Maps {
    plans: Vec<MapPlan>,
    by_global: HashMap<GlobalId, u32>,
    /// The array of words.
    pub(crate) words: u32,
    /// The records.
    pub(crate) ring: u32,
    /// The counters.
    pub(crate) counters: u32,
    /// The first of the words that switch handlers off, if there are such.
    pub(crate) switches: Option<u32>,
    /// Scratch space.
    pub(crate) frame: u32,
    /// Bytes of the frame that are used.
    pub(crate) frame_bytes: u32,
}

impl Maps {
    pub(crate) fn new(placed: &Placed, ring_bytes: u32, switches: bool) -> Maps {
        let mut maps = Maps {
            plans: Vec::new(),
            by_global: HashMap::new(),
            words: 0,
            ring: 0,
            counters: 0,
            switches: None,
            frame: 0,
            frame_bytes: 0,
        };
        let words = placed.globals.iter().filter_map(|(_, residence)| match residence {
            Residence::Word(word) => Some(word + 1),
            _ => None,
        });
        let mut words = words.max().unwrap_or(0).max(control::FIRST_FREE);
        if switches {
            maps.switches = Some(words);
            words += placed.kernel.len() as u32;
        }
        // One value that holds all words: only of an array with a single entry can a program take the address.
        maps.words = maps.add("words", MapRole::Words, MapKind::MappedArray, 4, 8 * words, 1);
        for (number, (global, residence)) in placed.globals.iter().enumerate() {
            let id = GlobalId(number as u32);
            let words = 8 * shape_of(&global.shape).map_or(1, |layout| layout.words);
            let (kind, key, value, entries) = match residence {
                Residence::User | Residence::Word(_) => continue,
                Residence::Text(bytes) => (MapKind::Array, 4, bytes.next_multiple_of(8), 1),
                Residence::Aggregate => (MapKind::PerCpuArray, 4, words, 1),
                Residence::Table { keys, value, per_cpu } => {
                    let kind = if *per_cpu { MapKind::PerCpuHash } else { MapKind::Hash };
                    let GlobalShape::Array { capacity, .. } = global.shape else { continue };
                    let key = keys.iter().map(|slot| slot.size).sum();
                    (kind, key, value.map_or(words, |slot| slot.size), capacity)
                }
            };
            let map = maps.add(&global.name, MapRole::Global(id), kind, key, value, entries);
            maps.by_global.insert(id, map);
        }
        maps.ring = maps.add("records", MapRole::Ring, MapKind::Ring, 0, 0, ring_bytes);
        maps.counters = maps.add("counters", MapRole::Counters, MapKind::PerCpuArray, 4, 8, 0);
        maps.frame = maps.add("frame", MapRole::Frame, MapKind::PerCpuArray, 4, 0, 1);
        maps
    }

    fn add(&mut self, name: &str, role: MapRole, kind: MapKind, key_size: u32, value_size: u32, entries: u32) -> u32 {
        let name = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).take(15).collect();
        self.plans.push(MapPlan { name, role, kind, key_size, value_size, entries, contents: None });
        self.plans.len() as u32 - 1
    }

    /// The map of a global that lives in one.
    pub(crate) fn of_global(&self, id: GlobalId) -> Option<u32> {
        self.by_global.get(&id).copied()
    }

    /// A map of constants; the same contents give the same map.
    pub(crate) fn table(&mut self, name: &str, mut contents: Vec<u8>) -> u32 {
        contents.resize(contents.len().next_multiple_of(8).max(8), 0);
        let same = |plan: &MapPlan| plan.role == MapRole::Table && plan.contents.as_ref() == Some(&contents);
        if let Some(found) = self.plans.iter().position(same) {
            return found as u32;
        }
        let map = self.add(name, MapRole::Table, MapKind::Array, 4, contents.len() as u32, 1);
        if let Some(plan) = self.plans.last_mut() {
            plan.contents = Some(contents);
        }
        map
    }

    /// The map of what a perf event counts; the same numbers give the same map. As many entries as there are CPUs: the loader knows.
    pub(crate) fn perf_counter(&mut self, kind: u32, config: u64) -> u32 {
        let role = MapRole::PerfCounter { kind, config };
        match self.plans.iter().position(|plan| plan.role == role) {
            Some(found) => found as u32,
            None => self.add("perf_counter", role, MapKind::PerfEvents, 4, 4, 1),
        }
    }

    /// A map for the arguments of the calls that a function is in, `words` of each.
    pub(crate) fn entries(&mut self, words: u32) -> u32 {
        self.add("entries", MapRole::Entries, MapKind::Hash, 8, 8 * words, MOST_CALLS)
    }

    /// The maps that are needed, then those that only a program in another's place needs, and the new number of each. `used`: those
    /// that programs refer to; `first`: those that programs do that are not in another's place.
    pub(crate) fn finish(
        mut self,
        used: &HashSet<u32>,
        first: &HashSet<u32>,
        counters: u32,
    ) -> (Vec<MapPlan>, Vec<MapPlan>, Vec<u32>) {
        self.plans[self.counters as usize].entries = counters;
        self.plans[self.frame as usize].value_size = self.frame_bytes.next_multiple_of(8).max(8);
        let mut kept = Vec::new();
        let mut entries = Vec::new();
        let mut numbers = Vec::new();
        let stays = |at: u32, plan: &MapPlan| {
            let always = matches!(plan.role, MapRole::Words | MapRole::Global(_));
            always || used.contains(&at)
        };
        let later = |at: u32, plan: &MapPlan| plan.role == MapRole::Entries && !first.contains(&at);
        let plans = || (0u32..).zip(&self.plans).filter(|(at, plan)| stays(*at, plan));
        let before = plans().filter(|(at, plan)| !later(*at, plan)).count() as u32;
        for (at, plan) in (0u32..).zip(&self.plans) {
            let (list, before) = if later(at, plan) { (&mut entries, before) } else { (&mut kept, 0) };
            numbers.push(before + list.len() as u32);
            if stays(at, plan) {
                list.push(plan.clone());
            }
        }
        (kept, entries, numbers)
    }
}

/// The layout of a global that is an aggregate or holds such.
pub(crate) fn shape_of(shape: &GlobalShape) -> Option<AggregateLayout> {
    match shape {
        GlobalShape::Aggregate(shape) | GlobalShape::Array { element: Element::Aggregate(shape), .. } => {
            Some(AggregateLayout::of(shape))
        }
        _ => None,
    }
}
