//! Globals in plain memory: those that only the user side touches. It must never be asked for one that a map holds.
//!
//! Arrays keep the order in which their entries were made, which is the order of a `foreach` that asks for none.

use std::collections::HashMap;
use std::rc::Rc;

use systap_ir::program::{AggregateShape, Element, Global, GlobalId, GlobalShape, Type};

use super::aggregate::Aggregate;
use super::datum::Datum;
use super::store::{Entry, Store, StoreError};

/// `EINVAL`: the operation does not fit the global.
const MISFIT: StoreError = StoreError::Refused(22);

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    cells: Vec<Cell>,
}

#[derive(Debug)]
enum Cell {
    Scalar(Datum),
    Aggregate { shape: AggregateShape, now: Aggregate },
    Array(Array),
}

#[derive(Debug)]
struct Array {
    element: Element,
    capacity: usize,
    wrap: bool,
    /// Where in `slots` an entry is.
    places: HashMap<Rc<[Datum]>, usize>,
    /// In the order of making; what was deleted leaves a gap.
    slots: Vec<Option<(Rc<[Datum]>, Entry)>>,
    /// No slot before this one holds an entry.
    oldest: usize,
}

impl Array {
    fn get(&self, keys: &[Datum]) -> Option<&Entry> {
        self.slots.get(*self.places.get(keys)?)?.as_ref().map(|(_, entry)| entry)
    }

    /// The entry, made if need be.
    fn entry(&mut self, keys: &[Datum]) -> Result<&mut Entry, StoreError> {
        let place = match self.places.get(keys) {
            Some(place) => *place,
            None => self.make(keys)?,
        };
        self.slots.get_mut(place).and_then(Option::as_mut).map(|(_, entry)| entry).ok_or(MISFIT)
    }

    fn make(&mut self, keys: &[Datum]) -> Result<usize, StoreError> {
        if self.places.len() >= self.capacity {
            if !self.wrap || self.capacity == 0 {
                return Err(StoreError::Full);
            }
            self.drop_oldest();
        }
        if self.slots.len() > 32 && self.slots.len() > 2 * self.places.len() {
            self.close_gaps();
        }
        let entry = match &self.element {
            Element::Value(ty) => Entry::Value(Datum::zero(*ty)),
            Element::Aggregate(shape) => Entry::Aggregate(Aggregate::empty(shape)),
        };
        let keys: Rc<[Datum]> = Rc::from(keys);
        self.places.insert(Rc::clone(&keys), self.slots.len());
        self.slots.push(Some((keys, entry)));
        Ok(self.slots.len() - 1)
    }

    fn drop_oldest(&mut self) {
        while let Some(slot) = self.slots.get_mut(self.oldest) {
            self.oldest += 1;
            if let Some((keys, _)) = slot.take() {
                self.places.remove(&keys);
                return;
            }
        }
    }

    fn close_gaps(&mut self) {
        self.slots.retain(Option::is_some);
        self.oldest = 0;
        for (place, slot) in self.slots.iter().enumerate() {
            if let Some((keys, _)) = slot
                && let Some(known) = self.places.get_mut(keys)
            {
                *known = place;
            }
        }
    }

    fn delete(&mut self, keys: &[Datum]) {
        if let Some(place) = self.places.remove(keys)
            && let Some(slot) = self.slots.get_mut(place)
        {
            *slot = None;
        }
    }
}

impl MemoryStore {
    /// Every global of the program, as it is before the first handler.
    pub fn new(globals: &[Global]) -> MemoryStore {
        let cell = |global: &Global| match &global.shape {
            GlobalShape::Scalar(constant) => Cell::Scalar(constant.into()),
            GlobalShape::Aggregate(shape) => Cell::Aggregate { shape: shape.clone(), now: Aggregate::empty(shape) },
            GlobalShape::Array { keys: _, element, capacity, wrap } => Cell::Array(Array {
                element: element.clone(),
                capacity: *capacity as usize,
                wrap: *wrap,
                places: HashMap::new(),
                slots: vec![],
                oldest: 0,
            }),
        };
        MemoryStore { cells: globals.iter().map(cell).collect() }
    }

    fn cell(&mut self, global: GlobalId) -> Result<&mut Cell, StoreError> {
        self.cells.get_mut(global.0 as usize).ok_or(MISFIT)
    }

    fn array(&mut self, global: GlobalId) -> Result<&mut Array, StoreError> {
        match self.cell(global)? {
            Cell::Array(array) => Ok(array),
            _ => Err(MISFIT),
        }
    }
}

impl Store for MemoryStore {
    fn get(&mut self, global: GlobalId) -> Result<Datum, StoreError> {
        match self.cell(global)? {
            Cell::Scalar(datum) => Ok(datum.clone()),
            _ => Err(MISFIT),
        }
    }

    fn set(&mut self, global: GlobalId, value: Datum) -> Result<(), StoreError> {
        match self.cell(global)? {
            Cell::Scalar(datum) => *datum = value,
            _ => return Err(MISFIT),
        }
        Ok(())
    }

    fn add(&mut self, global: GlobalId, by: i64) -> Result<i64, StoreError> {
        match self.cell(global)? {
            Cell::Scalar(Datum::Long(long)) => {
                *long = long.wrapping_add(by);
                Ok(*long)
            }
            _ => Err(MISFIT),
        }
    }

    fn clear(&mut self, global: GlobalId) -> Result<(), StoreError> {
        match self.cell(global)? {
            Cell::Scalar(datum) => *datum = Datum::zero(datum.ty()),
            Cell::Aggregate { shape, now } => *now = Aggregate::empty(shape),
            Cell::Array(array) => {
                array.places.clear();
                array.slots.clear();
                array.oldest = 0;
            }
        }
        Ok(())
    }

    fn element_get(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Datum>, StoreError> {
        match self.array(global)?.get(keys) {
            Some(Entry::Value(datum)) => Ok(Some(datum.clone())),
            Some(Entry::Aggregate(_)) => Err(MISFIT),
            None => Ok(None),
        }
    }

    fn element_set(&mut self, global: GlobalId, keys: &[Datum], value: Datum) -> Result<(), StoreError> {
        match self.array(global)?.entry(keys)? {
            Entry::Value(datum) => *datum = value,
            Entry::Aggregate(_) => return Err(MISFIT),
        }
        Ok(())
    }

    fn element_add(&mut self, global: GlobalId, keys: &[Datum], by: i64) -> Result<i64, StoreError> {
        let array = self.array(global)?;
        if array.element != Element::Value(Type::Long) {
            return Err(MISFIT);
        }
        match array.entry(keys)? {
            Entry::Value(Datum::Long(long)) => {
                *long = long.wrapping_add(by);
                Ok(*long)
            }
            _ => Err(MISFIT),
        }
    }

    fn element_delete(&mut self, global: GlobalId, keys: &[Datum]) -> Result<(), StoreError> {
        self.array(global)?.delete(keys);
        Ok(())
    }

    fn contains(&mut self, global: GlobalId, keys: &[Datum]) -> Result<bool, StoreError> {
        Ok(self.array(global)?.places.contains_key(keys))
    }

    fn accumulate(&mut self, global: GlobalId, keys: &[Datum], value: i64) -> Result<(), StoreError> {
        match self.cell(global)? {
            Cell::Aggregate { shape, now } => now.add(value, shape),
            Cell::Array(array) => {
                let Element::Aggregate(shape) = array.element.clone() else { return Err(MISFIT) };
                match array.entry(keys)? {
                    Entry::Aggregate(aggregate) => aggregate.add(value, &shape),
                    Entry::Value(_) => return Err(MISFIT),
                }
            }
            Cell::Scalar(_) => return Err(MISFIT),
        }
        Ok(())
    }

    fn aggregate(&mut self, global: GlobalId, keys: &[Datum]) -> Result<Option<Aggregate>, StoreError> {
        match self.cell(global)? {
            Cell::Aggregate { now, .. } => Ok(Some(now.clone())),
            Cell::Array(array) => match array.get(keys) {
                Some(Entry::Aggregate(aggregate)) => Ok(Some(aggregate.clone())),
                Some(Entry::Value(_)) => Err(MISFIT),
                None => Ok(None),
            },
            Cell::Scalar(_) => Err(MISFIT),
        }
    }

    fn entries(&mut self, global: GlobalId) -> Result<Vec<(Vec<Datum>, Entry)>, StoreError> {
        let slots = &self.array(global)?.slots;
        Ok(slots.iter().flatten().map(|(keys, entry)| (keys.to_vec(), entry.clone())).collect())
    }
}
