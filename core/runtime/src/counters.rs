//! The counts that kernel-side programs keep: read once, when the run is over.
//!
//! It must never fail a run: what cannot be read counts as nothing, since all else has been delivered.

use systap_bpf::artifact::Artifact;
use systap_sys::bpf::Map;

use crate::load::Loaded;
use crate::slots::{WORD, long_at};

/// The counts, summed over the CPUs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Records that found no room, by site.
    pub(crate) lost: Vec<u64>,
    /// Hits that were skipped, by kernel-side handler.
    pub(crate) skipped: Vec<u64>,
    /// Hits that were handled, by kernel-side handler; empty if they were not counted.
    pub(crate) hits: Vec<u64>,
}

impl Counts {
    /// Reads them; see [`systap_bpf::artifact::Counters`] for their order.
    pub(crate) fn read(artifact: &Artifact, loaded: &Loaded) -> Counts {
        let Some(map) = loaded.counters.and_then(|index| loaded.maps.get(index)) else { return Counts::default() };
        let mut value = vec![0; map.value_bytes()];
        let mut first = 0;
        let mut take = |count: u32| {
            let range = first..first + count;
            first = range.end;
            range.map(|index| count_at(map, index, &mut value)).collect()
        };
        let sizes = artifact.counters;
        Counts { lost: take(sizes.sites), skipped: take(sizes.skipped), hits: take(sizes.hits) }
    }
}

fn count_at(map: &Map, index: u32, value: &mut [u8]) -> u64 {
    match map.lookup(&index.to_ne_bytes(), value) {
        Ok(true) => (0..value.len() / WORD).map(|cpu| long_at(value, cpu).cast_unsigned()).sum(),
        _ => 0,
    }
}
