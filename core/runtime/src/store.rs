//! The globals where they live: in systap's own memory, in the words that both sides map, in maps.
//!
//! It must never lose what the kernel side adds meanwhile: what each CPU has for itself is only merged, and what this
//! side adds to such a global is kept beside it, as if systap were one more CPU. (An element of a hash that the kernel
//! side also sets has one value for all; adding to that from this side is a read and a write, between which the kernel
//! side can come.)

use std::collections::{HashMap, HashSet};

use systap_ir::graph::Op;
use systap_ir::placed::{AggregateLayout, Placed, Residence, Slot};
use systap_ir::program::{AggregateShape, Element, Global, GlobalId, GlobalShape, Type};
use systap_sys::SysError;
use systap_sys::bpf::{Map, SharedWords, UpdateMode};

use crate::load::Loaded;
use crate::slots;
use crate::taken::Seen;
use crate::user::{Aggregate, Datum, Entry, MemoryStore, Store, StoreError};

/// The globals of a run.
pub struct MapStore<'a> {
    /// By global: the word that the handler that runs has read, where the kernel side only adds to it.
    words_seen: HashMap<GlobalId, i64>,
    /// The numbers that the kernel side only adds to.
    only_added_to: HashSet<GlobalId>,
    memory: MemoryStore,
    words: Option<&'a SharedWords>,
    homes: Vec<Home<'a>>,
}

/// Where a global lives.
enum Home<'a> {
    Memory,
    Word(usize),
    Text { map: &'a Map, size: usize },
    Table(Table<'a>),
}

/// A global with entries: an array, or a scalar aggregate, which is the one entry of an array map.
pub(crate) struct Table<'a> {
    pub(crate) map: &'a Map,
    pub(crate) keys: Vec<Slot>,
    pub(crate) content: Content,
    pub(crate) per_cpu: bool,
    wraps: bool,
    /// The kernel side asks what elements there are, so that a deleted one may not stay in the map.
    pub(crate) asked: bool,
    /// What this side added to globals that each CPU has for itself, by key.
    pub(crate) ours: HashMap<Box<[u8]>, Share>,
    /// What the handler that runs has read of such globals.
    pub(crate) seen: Seen,
}

pub(crate) enum Content {
    Value(Slot),
    Aggregate(AggregateShape, AggregateLayout),
}

/// What this side added to an entry.
pub(crate) enum Share {
    /// `taken`: this side has deleted the element, which stays in the map as long as what was added there is taken back
    /// here; it counts as absent until the kernel side adds to it again.
    Long { by: i64, taken: bool },
    /// Of an aggregate, which may hold less than nothing: what was read and deleted. `taken`: as above.
    Aggregate { of: Aggregate, taken: bool },
}

impl<'a> MapStore<'a> {
    /// The globals of a program whose kernel part, if it has one, is loaded. Words and texts get their first values.
    ///
    /// # Errors
    /// Where the kernel refuses to set a first value.
    pub fn new(placed: &Placed, loaded: Option<&'a Loaded>) -> Result<Self, SysError> {
        let globals: Vec<Global> = placed.globals.iter().map(|(global, _)| global.clone()).collect();
        let mut homes = vec![];
        for (id, (global, residence)) in (0..).map(GlobalId).zip(&placed.globals) {
            homes.push(loaded.map_or(Ok(Home::Memory), |loaded| home(id, global, residence, loaded))?);
        }
        for global in kernel_ops(placed, |op| matches!(op, Op::Contains(..))) {
            if let Some(Home::Table(table)) = homes.get_mut(global.0 as usize) {
                table.asked = true;
            }
        }
        let words = loaded.and_then(|loaded| loaded.words.as_ref());
        Ok(MapStore {
            words_seen: HashMap::new(),
            only_added_to: only_added_to(placed),
            memory: MemoryStore::new(&globals),
            words,
            homes,
        })
    }

    fn table(&mut self, global: GlobalId) -> Option<&mut Table<'a>> {
        match self.homes.get_mut(global.0 as usize) {
            Some(Home::Table(table)) => Some(table),
            _ => None,
        }
    }

    fn home(&self, global: GlobalId) -> &Home<'a> {
        self.homes.get(global.0 as usize).unwrap_or(&Home::Memory)
    }
}

/// The scalars that kernel-side handlers never set.
fn only_added_to(placed: &Placed) -> HashSet<GlobalId> {
    let all = (0..placed.globals.len() as u32).map(GlobalId);
    let set: HashSet<GlobalId> = kernel_ops(placed, |op| matches!(op, Op::Set(..) | Op::Clear(_))).collect();
    all.filter(|global| !set.contains(global)).collect()
}

/// The globals of the instructions of kernel-side handlers that are such.
fn kernel_ops(placed: &Placed, such: impl Fn(&Op) -> bool) -> impl Iterator<Item = GlobalId> {
    let insts = placed.kernel.iter().flat_map(|handler| &handler.body.blocks).flat_map(|block| &block.insts);
    insts.filter(move |inst| such(&inst.op)).filter_map(|inst| inst.op.global())
}

/// Where a global lives once the program is loaded. One for which no map was made is not used by the kernel side.
fn home<'a>(id: GlobalId, global: &Global, residence: &Residence, loaded: &'a Loaded) -> Result<Home<'a>, SysError> {
    let first = match &global.shape {
        GlobalShape::Scalar(constant) => Some(Datum::from(constant)),
        _ => None,
    };
    let (element, wraps) = match &global.shape {
        GlobalShape::Aggregate(shape) => (Some(shape), false),
        GlobalShape::Array { element: Element::Aggregate(shape), wrap, .. } => (Some(shape), *wrap),
        GlobalShape::Array { wrap, .. } => (None, *wrap),
        GlobalShape::Scalar(_) => (None, false),
    };
    let aggregate = || element.map(|shape| Content::Aggregate(shape.clone(), AggregateLayout::of(shape)));
    Ok(match (residence, loaded.map_of(id)) {
        (Residence::Word(index), _) => {
            let Some(words) = &loaded.words else { return Ok(Home::Memory) };
            words.store(*index as usize, first.map_or(0, |value| value.long()));
            Home::Word(*index as usize)
        }
        (Residence::Text(size), Some(map)) => {
            let size = *size as usize;
            if let Some(value) = first.filter(|value| !value.bytes().is_empty()) {
                set_text(map, value.bytes(), size)?;
            }
            Home::Text { map, size }
        }
        (Residence::Table { keys, value, per_cpu }, Some(map)) => {
            let Some(content) = value.map(Content::Value).or_else(aggregate) else { return Ok(Home::Memory) };
            let (keys, per_cpu) = (keys.clone(), *per_cpu);
            Home::Table(Table {
                map,
                keys,
                content,
                per_cpu,
                wraps,
                asked: false,
                ours: HashMap::new(),
                seen: Seen::default(),
            })
        }
        (Residence::Aggregate, Some(map)) => {
            let Some(content) = aggregate() else { return Ok(Home::Memory) };
            Home::Table(Table {
                map,
                keys: vec![],
                content,
                per_cpu: true,
                wraps,
                asked: false,
                ours: HashMap::new(),
                seen: Seen::default(),
            })
        }
        _ => Home::Memory,
    })
}

fn set_text(map: &Map, text: &[u8], size: usize) -> Result<(), SysError> {
    let mut value = Vec::with_capacity(size);
    slots::encode_text(text, size, &mut value);
    map.update(&0u32.to_ne_bytes(), &value, UpdateMode::Any)
}

pub(crate) fn refused(error: SysError) -> StoreError {
    if error.errno == libc::E2BIG { StoreError::Full } else { StoreError::Refused(error.errno) }
}

/// How often an addition is tried again when the kernel side makes or deletes the element at the same time.
const TRIES: usize = 16;

impl Table<'_> {
    fn key(&self, keys: &[Datum]) -> Result<Vec<u8>, StoreError> {
        if keys.len() != self.keys.len() {
            return Err(StoreError::Refused(libc::EINVAL));
        }
        if keys.is_empty() {
            return Ok(0u32.to_ne_bytes().to_vec());
        }
        let mut bytes = Vec::with_capacity(self.map.key_size());
        for (key, slot) in keys.iter().zip(&self.keys) {
            slots::encode(key, *slot, &mut bytes);
        }
        Ok(bytes)
    }

    pub(crate) fn raw(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut value = vec![0; self.map.value_bytes()];
        let found = self.map.lookup(key, &mut value).map_err(refused)?;
        if !found {
            // The kernel side has deleted it, with what this side had added.
            self.ours.remove(key);
        }
        Ok(found.then_some(value))
    }

    /// The entry that a key and the map's bytes for it stand for, with what this side added.
    pub(crate) fn entry(&self, key: &[u8], raw: &[u8]) -> Entry {
        let ours = self.ours.get(key);
        match &self.content {
            Content::Value(slot) if self.per_cpu && slot.ty == Type::Long => {
                let kernel =
                    (0..raw.len() / slots::WORD).fold(0i64, |sum, cpu| sum.wrapping_add(slots::long_at(raw, cpu)));
                let ours = if let Some(Share::Long { by, .. }) = ours { *by } else { 0 };
                Entry::Value(Datum::Long(kernel.wrapping_add(ours)))
            }
            Content::Value(slot) => Entry::Value(slots::decode(raw.get(..slot.size as usize).unwrap_or(raw), *slot)),
            Content::Aggregate(shape, layout) => {
                let mut merged = slots::merge_aggregates(raw, shape, layout);
                if let Some(Share::Aggregate { of, .. }) = ours {
                    merged.merge(of);
                }
                Entry::Aggregate(merged)
            }
        }
    }

    /// The bytes of a value as a lookup would give them: for one CPU, and zeroes for the others.
    fn encoded(&self, value: &Datum) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.map.value_bytes());
        if let Content::Value(slot) = &self.content {
            slots::encode(value, *slot, &mut bytes);
        }
        bytes.resize(self.map.value_bytes(), 0);
        bytes
    }

    /// Sets or inserts, making room where the array wraps.
    fn update(&mut self, key: &[u8], value: &[u8], mode: UpdateMode) -> Result<(), SysError> {
        match self.map.update(key, value, mode) {
            Err(error) if error.errno == libc::E2BIG && self.wraps => {
                // A hash does not remember which entry is the oldest: any one goes.
                let mut victim = None;
                self.map.entries(&mut |key, _| victim = victim.take().or_else(|| Some(key.to_vec())))?;
                if let Some(victim) = victim {
                    self.map.delete(&victim)?;
                    self.ours.remove(victim.as_slice());
                }
                self.map.update(key, value, mode)
            }
            done => done,
        }
    }

    /// Makes the element, empty, unless it is there.
    pub(crate) fn ensure(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if self.raw(key)?.is_some() {
            return Ok(());
        }
        let empty = vec![0; self.map.value_bytes()];
        match self.update(key, &empty, UpdateMode::NoExist) {
            Err(error) if error.errno != libc::EEXIST => Err(refused(error)),
            _ => Ok(()),
        }
    }

    /// Adds to a value that each CPU has for itself: beside the map.
    pub(crate) fn add_beside(&mut self, key: &[u8], by: i64) -> Result<i64, StoreError> {
        self.ensure(key)?;
        match self.ours.entry(key.into()).or_insert(Share::Long { by: 0, taken: false }) {
            Share::Long { by: ours, taken } => {
                *ours = ours.wrapping_add(by);
                *taken = false;
            }
            Share::Aggregate { .. } => return Err(StoreError::Refused(libc::EINVAL)),
        }
        let raw = self.raw(key)?.unwrap_or_default();
        let entry = self.entry(key, &raw);
        self.seen.note_added(key, by, &entry);
        match entry {
            Entry::Value(value) => Ok(value.long()),
            Entry::Aggregate(_) => Err(StoreError::Refused(libc::EINVAL)),
        }
    }

    /// Adds to a value that all CPUs share.
    fn add_within(&mut self, key: &[u8], by: i64) -> Result<i64, StoreError> {
        for _ in 0..TRIES {
            let (new, mode) = match self.raw(key)? {
                Some(raw) => (slots::long_at(&raw, 0).wrapping_add(by), UpdateMode::Exist),
                None => (by, UpdateMode::NoExist),
            };
            let value = self.encoded(&Datum::Long(new));
            match self.update(key, &value, mode) {
                Ok(()) => return Ok(new),
                Err(error) if matches!(error.errno, libc::EEXIST | libc::ENOENT) => {}
                Err(error) => return Err(refused(error)),
            }
        }
        Err(StoreError::Refused(libc::EBUSY))
    }
}

const MISFIT: StoreError = StoreError::Refused(libc::EINVAL);

impl Store for MapStore<'_> {
    fn start(&mut self) {
        self.words_seen.clear();
        for home in &mut self.homes {
            if let Home::Table(table) = home {
                table.seen.clear();
            }
        }
    }

    fn get(&mut self, global: GlobalId) -> Result<Datum, StoreError> {
        match self.home(global) {
            Home::Word(index) => {
                let value = self.words.map_or(0, |words| words.load(*index));
                self.words_seen.insert(global, value);
                Ok(Datum::Long(value))
            }
            Home::Text { map, .. } => {
                let mut value = vec![0; map.value_bytes()];
                map.lookup(&0u32.to_ne_bytes(), &mut value).map_err(refused)?;
                Ok(Datum::text(slots::until_nul(&value)))
            }
            Home::Memory => self.memory.get(global),
            Home::Table(_) => Err(MISFIT),
        }
    }

    fn set(&mut self, global: GlobalId, value: Datum) -> Result<(), StoreError> {
        match self.home(global) {
            Home::Word(index) => {
                let (index, value) = (*index, value.long());
                let Some(words) = self.words else { return Ok(()) };
                // What the kernel side has added since the handler read it comes after the handler, as if that had held a
                // lock: only the difference is written.
                match self.words_seen.get(&global).filter(|_| self.only_added_to.contains(&global)) {
                    Some(seen) => _ = words.fetch_add(index, value.wrapping_sub(*seen)),
                    None => words.store(index, value),
                }
                self.words_seen.insert(global, value);
                Ok(())
            }
            Home::Text { map, size } => set_text(map, value.bytes(), *size).map_err(refused),
            Home::Memory => self.memory.set(global, value),
            Home::Table(_) => Err(MISFIT),
        }
    }

    fn add(&mut self, global: GlobalId, by: i64) -> Result<i64, StoreError> {
        match self.home(global) {
            Home::Word(index) => {
                let new = self.words.ok_or(MISFIT)?.fetch_add(*index, by).wrapping_add(by);
                if let Some(seen) = self.words_seen.get_mut(&global) {
                    *seen = seen.wrapping_add(by);
                }
                Ok(new)
            }
            Home::Memory => self.memory.add(global, by),
            Home::Text { .. } | Home::Table(_) => Err(MISFIT),
        }
    }

    fn clear(&mut self, global: GlobalId) -> Result<(), StoreError> {
        match self.homes.get_mut(global.0 as usize) {
            Some(Home::Table(table)) if table.is_taken_from() => table.take_all(),
            Some(Home::Table(table)) => {
                table.ours.clear();
                table.map.clear().map_err(refused)
            }
            Some(Home::Word(_)) => self.set(global, Datum::Long(0)),
            Some(Home::Text { .. }) => self.set(global, Datum::from("")),
            Some(Home::Memory) | None => self.memory.clear(global),
        }
    }

    fn element_get(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Datum>, StoreError> {
        let Some(table) = self.table(global) else { return self.memory.element_get(global, keys) };
        let key = table.key(keys)?;
        match table.look(&key)? {
            Some(Entry::Value(value)) => Ok(Some(value)),
            Some(Entry::Aggregate(_)) => Err(MISFIT),
            None => Ok(None),
        }
    }

    fn element_set(&mut self, global: GlobalId, keys: &[Datum], value: Datum) -> Result<(), StoreError> {
        let Some(table) = self.table(global) else { return self.memory.element_set(global, keys, value) };
        let key = table.key(keys)?;
        if table.is_taken_from() && matches!(table.content, Content::Value(_)) {
            return table.set_beside(&key, value.long());
        }
        let value = table.encoded(&value);
        table.update(&key, &value, UpdateMode::Any).map_err(refused)?;
        table.ours.remove(key.as_slice());
        Ok(())
    }

    fn element_add(&mut self, global: GlobalId, keys: &[Datum], by: i64) -> Result<i64, StoreError> {
        let Some(table) = self.table(global) else { return self.memory.element_add(global, keys, by) };
        let key = table.key(keys)?;
        if table.per_cpu { table.add_beside(&key, by) } else { table.add_within(&key, by) }
    }

    fn element_delete(&mut self, global: GlobalId, keys: &[Datum]) -> Result<(), StoreError> {
        let Some(table) = self.table(global) else { return self.memory.element_delete(global, keys) };
        let key = table.key(keys)?;
        if table.is_taken_from() {
            return table.take(&key);
        }
        table.ours.remove(key.as_slice());
        table.map.delete(&key).map(drop).map_err(refused)
    }

    fn contains(&mut self, global: GlobalId, keys: &[Datum]) -> Result<bool, StoreError> {
        let Some(table) = self.table(global) else { return self.memory.contains(global, keys) };
        let key = table.key(keys)?;
        Ok(table.look(&key)?.is_some())
    }

    fn accumulate(&mut self, global: GlobalId, keys: &[Datum], value: i64) -> Result<(), StoreError> {
        let Some(table) = self.table(global) else { return self.memory.accumulate(global, keys, value) };
        let Content::Aggregate(shape, _) = &table.content else { return Err(MISFIT) };
        let shape = shape.clone();
        let key = table.key(keys)?;
        table.ensure(&key)?;
        let (of, taken) = table.share_of_aggregate(&key, &shape).ok_or(MISFIT)?;
        of.add(value, &shape);
        *taken = false;
        // What this side adds it knows; the next look tells what that comes to.
        table.seen.forget(&key);
        Ok(())
    }

    fn aggregate(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Aggregate>, StoreError> {
        let Some(table) = self.table(global) else { return self.memory.aggregate(global, keys) };
        let key = table.key(keys)?;
        match table.look(&key)? {
            Some(Entry::Aggregate(aggregate)) => Ok(Some(aggregate)),
            Some(Entry::Value(_)) => Err(MISFIT),
            None => Ok(None),
        }
    }

    /// Those of a map in the order of their keys: a hash has none of its own, and one run should show what another does.
    fn entries(&mut self, global: GlobalId) -> Result<Vec<(Vec<Datum>, Entry)>, StoreError> {
        let Some(table) = self.table(global) else { return self.memory.entries(global) };
        let mut entries: Vec<_> = table.look_at_all()?;
        entries.sort_by(|(left, _): &(Vec<Datum>, _), (right, _)| left.cmp(right));
        Ok(entries)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
