//! Reading and then deleting what the kernel side goes on adding to: the way of every script that prints and begins anew.
//!
//! SystemTap locks a global for the whole handler. Here the kernel side never waits; instead, what a handler deletes is what it
//! has read, no more: what was added since comes after it. It must never delete an element from the map that is being added to at
//! that moment, since what is added to a deleted element is lost; such a one stays, and what was in it is taken back beside the map.
//! (An aggregate whose least, greatest or variance is asked for cannot be taken back so, since those do not add up: its element
//! goes, or is zeroed, and what a CPU adds in that very moment is lost.)

use std::collections::HashMap;

use systap_ir::program::{AggregateShape, Type};
use systap_sys::bpf::UpdateMode;

use crate::slots;
use crate::store::{Content, Share, Table, refused};
use crate::user::{Aggregate, Datum, Entry, StoreError};

/// One in that many elements may be such as were taken back and are kept, lest they are being added to just now.
const CROWDED: usize = 8;

/// What the handler that runs has read of a global.
#[derive(Default)]
pub(crate) struct Seen {
    /// By key.
    entries: HashMap<Box<[u8]>, Entry>,
    /// All entries were read, so that one that is not among them is new since.
    all: bool,
}

impl Seen {
    /// The handler has added to an entry itself, which now is `entry`.
    pub(crate) fn note_added(&mut self, key: &[u8], by: i64, entry: &Entry) {
        match self.entries.get_mut(key) {
            Some(Entry::Value(Datum::Long(known))) => *known = known.wrapping_add(by),
            Some(_) => {}
            None if self.all => _ = self.entries.insert(key.into(), entry.clone()),
            None => {}
        }
    }

    /// What was read of an entry is no longer what the handler knows of it.
    pub(crate) fn forget(&mut self, key: &[u8]) {
        self.entries.remove(key);
        self.all = false;
    }

    /// Another handler begins.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.all = false;
    }
}

impl Table<'_> {
    /// Whether what is read of it is remembered, for deleting that and no more.
    pub(crate) fn is_taken_from(&self) -> bool {
        let sums = match &self.content {
            Content::Value(slot) => slot.ty == Type::Long,
            Content::Aggregate(..) => true,
        };
        self.per_cpu && sums
    }

    /// The entry as the script sees it; `None` if there is none, or this side has deleted it and nothing came since.
    pub(crate) fn look(&mut self, key: &[u8]) -> Result<Option<Entry>, StoreError> {
        let raw = self.raw(key)?;
        let entry = raw.as_ref().map(|raw| self.entry(key, raw)).filter(|entry| !self.is_gone(key, entry));
        if self.is_taken_from() {
            // That there is nothing is known as well: what comes from now on is not what the handler deletes.
            let known = entry.clone().unwrap_or_else(|| self.nothing());
            self.seen.entries.insert(key.into(), known);
        }
        Ok(entry)
    }

    /// All entries as the script sees them.
    pub(crate) fn look_at_all(&mut self) -> Result<Vec<(Vec<Datum>, Entry)>, StoreError> {
        let mut found = vec![];
        self.map.entries(&mut |key, raw| found.push((key.to_vec(), raw.to_vec()))).map_err(refused)?;
        let mut entries = vec![];
        for (key, raw) in found {
            let entry = self.entry(&key, &raw);
            if self.is_gone(&key, &entry) {
                self.seen.entries.insert(key.into(), self.nothing());
                continue;
            }
            entries.push((slots::decode_all(&key, &self.keys), entry.clone()));
            if self.is_taken_from() {
                self.seen.entries.insert(key.into(), entry);
            }
        }
        self.seen.all = true;
        Ok(entries)
    }

    /// What an entry holds that is not there.
    fn nothing(&self) -> Entry {
        match &self.content {
            Content::Value(_) => Entry::Value(Datum::Long(0)),
            Content::Aggregate(shape, _) => Entry::Aggregate(Aggregate::empty(shape)),
        }
    }

    fn is_gone(&self, key: &[u8], entry: &Entry) -> bool {
        match (self.ours.get(key), entry) {
            (Some(Share::Long { taken, .. }), Entry::Value(Datum::Long(0))) => *taken,
            // A scalar one is there, even if there is nothing in it.
            (Some(Share::Aggregate { taken, .. }), Entry::Aggregate(aggregate)) => {
                *taken && aggregate.count == 0 && !self.keys.is_empty()
            }
            _ => false,
        }
    }

    /// Deletes every entry, of each what the handler has read.
    pub(crate) fn take_all(&mut self) -> Result<(), StoreError> {
        if !self.seen.all {
            // What the handler has read before is what it knows of those entries, not what they have become.
            let known = std::mem::take(&mut self.seen.entries);
            self.look_at_all()?;
            self.seen.entries.extend(known);
        }
        let keys: Vec<Box<[u8]>> = self.seen.entries.keys().cloned().collect();
        keys.iter().try_for_each(|key| self.take_back(key))?;
        self.make_room()
    }

    /// Deletes an entry: what the handler has read of it, or what it holds now if it has read nothing.
    pub(crate) fn take(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.take_back(key)?;
        self.make_room()
    }

    fn take_back(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let Some(now) = self.raw(key)? else { return Ok(()) };
        let known = self.seen.entries.remove(key).unwrap_or_else(|| self.entry(key, &now));
        match known {
            Entry::Value(value) => {
                if let Share::Long { by, taken } = self.share(key) {
                    *by = by.wrapping_sub(value.long());
                    *taken = true;
                }
                Ok(())
            }
            Entry::Aggregate(known) => {
                let sums = match &self.content {
                    Content::Aggregate(shape, _) if shape.sums_only => Some(shape.clone()),
                    _ => None,
                };
                match sums.and_then(|shape| self.share_of_aggregate(key, &shape)) {
                    Some((of, taken)) => {
                        of.take_away(&known);
                        *taken = true;
                        Ok(())
                    }
                    None => self.take_out(key, now, &Entry::Aggregate(known)),
                }
            }
        }
    }

    /// Removes what was taken back and has not been added to since, once it takes up room that others may need.
    fn make_room(&mut self) -> Result<(), StoreError> {
        if self.keys.is_empty() {
            // The one element of an array takes no other's room.
            return Ok(());
        }
        let quiet =
            |share: &Share| matches!(share, Share::Long { taken: true, .. } | Share::Aggregate { taken: true, .. });
        let keys: Vec<Box<[u8]>> =
            self.ours.iter().filter(|(_, share)| quiet(share)).map(|(key, _)| key.clone()).collect();
        if !self.asked && keys.len() * CROWDED < self.map.max_entries() as usize {
            return Ok(());
        }
        for key in keys {
            if let Some(now) = self.raw(&key)? {
                let entry = self.entry(&key, &now);
                if self.is_gone(&key, &entry) {
                    self.take_out(&key, now, &entry)?;
                }
            }
        }
        Ok(())
    }

    fn share(&mut self, key: &[u8]) -> &mut Share {
        self.ours.entry(key.into()).or_insert(Share::Long { by: 0, taken: false })
    }

    /// What this side added to an aggregate, and whether that is what is left of a deleted one; `None` if it is a number.
    pub(crate) fn share_of_aggregate(
        &mut self,
        key: &[u8],
        shape: &AggregateShape,
    ) -> Option<(&mut Aggregate, &mut bool)> {
        let nothing = || Share::Aggregate { of: Aggregate::empty(shape), taken: false };
        match self.ours.entry(key.into()).or_insert_with(nothing) {
            Share::Aggregate { of, taken } => Some((of, taken)),
            Share::Long { .. } => None,
        }
    }

    /// Removes an entry from the map, and keeps what was added to it after `taken` was read.
    fn take_out(&mut self, key: &[u8], mut last: Vec<u8>, taken: &Entry) -> Result<(), StoreError> {
        let taken_out = if self.keys.is_empty() {
            // The one element of an array stays. What a CPU adds in the moment between the two calls is lost.
            self.map.lookup(key, &mut last).and_then(|_| self.map.update(key, &vec![0; last.len()], UpdateMode::Any))
        } else {
            self.map.take(key, &mut last).map(drop)
        };
        match taken_out {
            Ok(()) => {}
            // A kernel that cannot read and delete in one step.
            Err(error) if matches!(error.errno, libc::EINVAL | libc::EOPNOTSUPP | 524) => {
                self.map.delete(key).map_err(refused)?;
            }
            Err(error) => return Err(refused(error)),
        }
        let rest = self.entry(key, &last);
        self.ours.remove(key);
        match (rest, taken) {
            (Entry::Value(last), Entry::Value(taken)) => {
                let by = last.long().wrapping_sub(taken.long());
                if by != 0 {
                    self.add_beside(key, by)?;
                }
            }
            (Entry::Aggregate(last), Entry::Aggregate(taken)) => {
                if let Some(rest) = difference(last, taken) {
                    self.ensure(key)?;
                    self.ours.insert(key.into(), Share::Aggregate { of: rest, taken: false });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Sets a value that each CPU has for itself: by the difference to what the handler has read.
    pub(crate) fn set_beside(&mut self, key: &[u8], value: i64) -> Result<(), StoreError> {
        self.ensure(key)?;
        let known = match self.seen.entries.get(key) {
            Some(entry) => entry.clone(),
            None => {
                let raw = self.raw(key)?.unwrap_or_default();
                self.entry(key, &raw)
            }
        };
        if let Entry::Value(known) = known {
            self.add_beside(key, value.wrapping_sub(known.long()))?;
            if let Some(entry) = self.seen.entries.get_mut(key) {
                *entry = Entry::Value(Datum::Long(value));
            }
        }
        Ok(())
    }
}

/// What an aggregate has got since it was `before`.
fn difference(mut last: Aggregate, before: &Aggregate) -> Option<Aggregate> {
    last.take_away(before);
    (last.count > 0).then_some(last)
}
