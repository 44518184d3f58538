//! What serves a function's handlers where the kernel refuses to attach to it by type: kprobes.
//!
//! It must never be loaded before something was refused, since it costs a start what most never need.

use std::cell::OnceCell;

use systap_bpf::artifact::{Artifact, ProgramPlan};
use systap_ir::placed::Placed;
use systap_sys::bpf::{Map, Program, ProgramKind};

use crate::load::{is_of_its_function, load_as, make_map, points_of};
use crate::refusal::LoadError;

/// What is in the place of a program.
#[derive(Debug, Default)]
pub(crate) struct Instead(OnceCell<Taken>);

/// What was taken, and why.
#[derive(Debug)]
struct Taken {
    programs: Vec<Program>,
    refused: LoadError,
}

impl Instead {
    /// Whether something else may do where this was refused: the kernel lacks the means, or has something against the function.
    pub(crate) fn may_follow(plan: &ProgramPlan, error: &LoadError) -> bool {
        let lacks =
            matches!(error, LoadError::NoFeature { .. } | LoadError::Attach { .. } | LoadError::Forbidden { .. });
        !plan.instead.is_empty() && (lacks || is_of_its_function(plan, error))
    }

    /// Loads it, for the reason given.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub(crate) fn load(
        &self,
        artifact: &Artifact,
        plan: &ProgramPlan,
        placed: &Placed,
        maps: &[Map],
        refused: LoadError,
    ) -> Result<(), LoadError> {
        // Programs keep their maps.
        let mut own: Vec<(u32, Map)> = vec![];
        for map in plan.instead.iter().flat_map(|plan| &plan.relocations).map(|relocation| relocation.map) {
            let entry = (map as usize).checked_sub(maps.len()).and_then(|entry| artifact.entries.get(entry));
            if let Some(entry) = entry
                && !own.iter().any(|(number, _)| *number == map)
            {
                own.push((map, make_map(entry, placed, false, false)?));
            }
        }
        let map = |number: u32| match own.iter().find(|(own, _)| *own == number) {
            Some((_, map)) => Some(map),
            None => maps.get(number as usize),
        };
        let programs = plan.instead.iter().map(|plan| load_as(ProgramKind::Kprobe, plan, placed, &map));
        let programs = programs.collect::<Result<_, _>>()?;
        // It is asked for once.
        _ = self.0.set(Taken { programs, refused });
        Ok(())
    }

    /// The programs; none unless they were loaded.
    pub(crate) fn programs(&self) -> &[Program] {
        self.0.get().map_or(&[], |taken| &taken.programs)
    }

    /// Why they were loaded.
    pub(crate) fn refused(&self) -> Option<&LoadError> {
        self.0.get().map(|taken| &taken.refused)
    }

    /// The refusal of both ways.
    pub(crate) fn neither(&self, plan: &ProgramPlan, placed: &Placed, second: &LoadError) -> LoadError {
        let first = self.refused().map_or_else(String::new, LoadError::reason);
        let lacks = |error: &LoadError| matches!(error, LoadError::NoFeature { .. });
        let everywhere = self.refused().is_some_and(lacks) && lacks(second);
        let second = second.reason();
        LoadError::NoMechanism { points: points_of(plan, placed), by_type: first, by_kprobe: second, everywhere }
    }
}
