//! The kernel's verdict on the programs of a script: all are loaded, none is attached.
//!
//! Must never leave anything behind: programs and maps go when the verdicts are there.

use systap_bpf::artifact::{Artifact, ProgramPlan};
use systap_ir::placed::Placed;
use systap_kernel::Kernel;
use systap_sys::bpf::Program;

use crate::instead::Instead;
use crate::load::{load, points_of};
use crate::refusal::LoadError;

/// What the kernel said of a program that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The program's name.
    pub name: String,
    /// The probe points that it serves.
    pub points: Vec<String>,
    /// It is in the place of one by type, where that is refused.
    pub instead: bool,
    /// Its instructions.
    pub instructions: u32,
    /// How many the verifier looked at on its ways through them.
    pub verified: u32,
}

/// Loads every program, those that may take the place of others too.
///
/// # Errors
/// What the kernel refused; see [`LoadError`].
pub fn verify(artifact: &Artifact, placed: &Placed, kernel: &Kernel) -> Result<Vec<Verdict>, LoadError> {
    let loaded = load(artifact, placed, kernel)?;
    let mut verdicts = vec![];
    for (at, plan) in artifact.programs.iter().enumerate() {
        if let Some(Some(program)) = loaded.programs.get(at) {
            verdicts.extend(verdict(plan, plan, placed, program));
        }
        let other = Instead::default();
        if !plan.instead.is_empty() {
            let points = points_of(plan, placed);
            let refused = LoadError::NoFeature { feature: crate::attach::FUNCTION_TRACING, points };
            other.load(artifact, plan, placed, &loaded.maps, refused)?;
        }
        let taken = plan.instead.iter().zip(other.programs());
        verdicts.extend(taken.filter_map(|(of, program)| verdict(plan, of, placed, program)));
    }
    match loaded.refused.into_iter().next() {
        Some(refused) => Err(refused),
        None => Ok(verdicts),
    }
}

fn verdict(plan: &ProgramPlan, of: &ProgramPlan, placed: &Placed, program: &Program) -> Option<Verdict> {
    let info = program.info().ok()?;
    Some(Verdict {
        name: of.name.clone(),
        points: points_of(of, placed),
        instead: !std::ptr::eq(plan, of),
        instructions: of.instructions.len() as u32,
        verified: info.verified_instructions,
    })
}
