//! An artifact made real: its maps made and filled, its programs patched and loaded.
//!
//! It must never attach anything, nor pin anything: what is loaded goes when [`Loaded`] is dropped or the process dies.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd};

use systap_bpf::artifact::{Artifact, Attach, MapKind, MapPlan, MapRole, ProgramPlan};
use systap_diagnostics::Span;
use systap_ir::graph::Op;
use systap_ir::placed::Placed;
use systap_ir::program::{Event, GlobalId};
use systap_kernel::{Kernel, Version};
use systap_sys::bpf::{self, Map, MapFlags, MapSpec, Program, ProgramKind, ProgramSpec, SharedWords, UpdateMode};
use systap_sys::cpu::online_cpus;
use systap_sys::perf::PerfEvent;
use systap_sys::{RingBuffer, SysError, raise_locked_memory_limit};

use crate::attach::may_be_missing;
use crate::instead::Instead;
use crate::refusal::LoadError;

/// Maps and programs in the kernel, none attached yet.
#[derive(Debug)]
pub struct Loaded {
    /// In the order of [`Artifact::maps`].
    pub maps: Vec<Map>,
    /// In the order of [`Artifact::programs`]; `None` for one whose function the kernel does not let be probed.
    pub programs: Vec<Option<Program>>,
    /// In the same order: what is in the place of each, once the kernel has refused it or its attachment.
    pub(crate) instead: Vec<Instead>,
    /// Why those were refused.
    pub refused: Vec<LoadError>,
    /// Those, by their places in the artifact, that the script or an alias marks `?`.
    pub(crate) passed: Vec<usize>,
    /// The array of words, if the artifact has one.
    pub words: Option<SharedWords>,
    /// Which map serves which global.
    pub globals: Vec<(GlobalId, usize)>,
    /// Which map holds the counters.
    pub counters: Option<usize>,
    ring: Option<usize>,
}

impl Loaded {
    /// All programs, each with the place of its plan in the artifact.
    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, &Program)> {
        let plans = self.programs.iter().zip(&self.instead).enumerate();
        plans.flat_map(|(plan, (program, instead))| {
            program.iter().chain(instead.programs()).map(move |program| (plan, program))
        })
    }

    /// The map of a global that does not live in the words.
    pub fn map_of(&self, global: GlobalId) -> Option<&Map> {
        let (_, index) = self.globals.iter().find(|(id, _)| *id == global)?;
        self.maps.get(*index)
    }

    /// The reading side of the ring; a ring has one reader, so only the first call succeeds. `None`: there is no ring.
    ///
    /// # Errors
    /// Where the kernel does not map it.
    pub fn open_ring(&self) -> Result<Option<RingBuffer>, LoadError> {
        let ring = self.ring.and_then(|index| self.maps.get(index));
        Ok(ring.map(RingBuffer::new).transpose()?)
    }
}

/// Since when the kernel charges BPF memory to the control group, not against RLIMIT_MEMLOCK.
const MEMORY_BY_CGROUP: Version = Version { major: 5, minor: 11, patch: 0 };
/// Since when programs of any kind, those of perf events included, may insert into hashes that are not preallocated.
const ALLOCATION_ANYWHERE: Version = Version { major: 6, minor: 1, patch: 0 };

/// Makes the maps, fills those with contents, and loads the programs.
///
/// # Errors
/// See [`LoadError`].
pub fn load(artifact: &Artifact, placed: &Placed, kernel: &Kernel) -> Result<Loaded, LoadError> {
    // A kernel that does not tell its version is taken for a new one: only old ones need something done.
    let version = kernel.version().ok();
    let before = |since| version.is_some_and(|version| version < since);
    let limited = before(MEMORY_BY_CGROUP);
    if limited {
        raise_locked_memory_limit();
    }
    let everywhere = before(ALLOCATION_ANYWHERE);
    let in_haste = filled_in_haste(placed);
    let needed = artifact.maps.iter().map(bytes_of).sum::<u64>().div_ceil(1024);
    let allowed = placed.limits.memory;
    if allowed != 0 && needed > u64::from(allowed) {
        return Err(LoadError::TooMuchMemory { needed, allowed });
    }
    let maps = artifact.maps.iter().map(|plan| {
        let preallocate = everywhere || matches!(plan.role, MapRole::Global(id) if in_haste.contains(&id));
        make_map(plan, placed, preallocate, limited)
    });
    let maps: Vec<Map> = maps.collect::<Result<_, _>>()?;
    let of_role = |role| artifact.maps.iter().position(|plan| plan.role == role);
    let words = of_role(MapRole::Words).and_then(|index| maps.get(index)).map(Map::map_values).transpose()?;
    let globals = artifact.maps.iter().enumerate().filter_map(|(index, plan)| match plan.role {
        MapRole::Global(id) => Some((id, index)),
        _ => None,
    });
    for (plan, map) in artifact.maps.iter().zip(&maps) {
        if let MapRole::PerfCounter { kind, config } = plan.role {
            count(map, kind, config)?;
        }
    }
    let (mut programs, mut instead, mut refused) = (vec![], vec![], vec![]);
    let (mut passed, mut refused_but_passed) = (vec![], vec![]);
    for (at, plan) in artifact.programs.iter().enumerate() {
        let other = Instead::default();
        match load_program(plan, placed, &maps) {
            Ok(program) => programs.push(Some(program)),
            Err(error) if Instead::may_follow(plan, &error) => {
                programs.push(None);
                match other.load(artifact, plan, placed, &maps, error) {
                    Err(error) if may_be_missing(plan, placed, &error) => {
                        passed.push(at);
                        refused_but_passed.push(error);
                    }
                    loaded => loaded?,
                }
            }
            Err(error) if may_be_missing(plan, placed, &error) => {
                programs.push(None);
                passed.push(at);
                refused_but_passed.push(error);
            }
            Err(error) if is_of_its_function(plan, &error) => {
                programs.push(None);
                refused.push(error);
            }
            Err(error) => return Err(error),
        }
        instead.push(other);
    }
    let is_code = |plan: &&ProgramPlan| matches!(plan.attach, Attach::Function { .. });
    if !refused.is_empty() && artifact.programs.iter().filter(is_code).count() == refused.len() {
        return Err(refused.swap_remove(0));
    }
    refused.extend(refused_but_passed);
    Ok(Loaded {
        programs,
        instead,
        refused,
        passed,
        words,
        globals: globals.collect(),
        counters: of_role(MapRole::Counters),
        ring: of_role(MapRole::Ring),
        maps,
    })
}

/// Arrays that are filled where the kernel's allocator for BPF has only what it put aside: it is refilled by an interrupt, which
/// does not come while a tracepoint of the scheduler or of interrupts is served, nor within one hit that loops. Their elements are
/// made beforehand, so that an array with room never refuses one. (System calls are entered with interrupts on.)
fn filled_in_haste(placed: &Placed) -> HashSet<GlobalId> {
    let hasty = placed
        .kernel
        .iter()
        .filter(|handler| handler.loops || !matches!(handler.event, Event::SyscallEntry(_) | Event::SyscallReturn(_)));
    let insts = hasty.flat_map(|handler| &handler.body.blocks).flat_map(|block| &block.insts);
    insts
        .filter(|inst| matches!(inst.op, Op::ElementSet(..) | Op::ElementAdd(..) | Op::Accumulate(..)))
        .filter_map(|inst| inst.op.global())
        .collect()
}

pub(crate) fn make_map(plan: &MapPlan, placed: &Placed, preallocate: bool, limited: bool) -> Result<Map, LoadError> {
    const WHAT: &str = "make BPF maps";
    let hash = matches!(plan.kind, MapKind::Hash | MapKind::PerCpuHash);
    let spec = MapSpec {
        kind: match plan.kind {
            MapKind::Hash => bpf::MapKind::Hash,
            MapKind::PerCpuHash => bpf::MapKind::PerCpuHash,
            MapKind::Array | MapKind::MappedArray => bpf::MapKind::Array,
            MapKind::PerCpuArray => bpf::MapKind::PerCpuArray,
            MapKind::PerfEvents => bpf::MapKind::PerfEventArray,
            MapKind::Ring => bpf::MapKind::RingBuf,
        },
        key_size: plan.key_size,
        value_size: plan.value_size,
        max_entries: match plan.kind {
            MapKind::PerfEvents => online_cpus()?.last().map_or(1, |last| last + 1),
            _ => plan.entries,
        },
        flags: MapFlags {
            no_prealloc: hash && !preallocate,
            mmapable: plan.kind == MapKind::MappedArray,
            readonly_for_program: plan.contents.is_some(),
        },
        name: &plan.name,
    };
    let (entries, bytes) = (u64::from(plan.entries), bytes_of(plan));
    let map = Map::create(&spec).map_err(|source| {
        if source.is_permission() {
            LoadError::forbidden(WHAT, source, Some((bytes, limited)))
        } else {
            LoadError::Map { map: purpose(plan, placed), entries, bytes, source }
        }
    })?;
    if let Some(contents) = &plan.contents {
        fill(&map, contents)?;
    }
    Ok(map)
}

/// About how much memory a map can take, for one CPU.
fn bytes_of(plan: &MapPlan) -> u64 {
    let entries = u64::from(plan.entries);
    match plan.kind {
        MapKind::Ring => entries,
        _ => entries.saturating_mul(u64::from(plan.key_size) + u64::from(plan.value_size)),
    }
}

/// What people know a map by.
fn purpose(plan: &MapPlan, placed: &Placed) -> String {
    match plan.role {
        MapRole::Global(id) => match placed.globals.get(id.0 as usize) {
            Some((global, _)) => format!("array `{}`", global.name),
            None => "an array".to_owned(),
        },
        MapRole::Ring => "the ring buffer".to_owned(),
        MapRole::Words => "the array of scalars".to_owned(),
        MapRole::Counters => "the array of counters".to_owned(),
        MapRole::PerfCounter { .. } => "the counters of performance events".to_owned(),
        MapRole::Frame | MapRole::Table | MapRole::Entries => format!("the map `{}`", plan.name),
    }
}

/// Starts counting on each CPU, for as long as the map lives.
fn count(map: &Map, kind: u32, config: u64) -> Result<(), LoadError> {
    for cpu in online_cpus()? {
        match PerfEvent::counting(kind, config, cpu) {
            Ok(event) => {
                map.update(&cpu.to_ne_bytes(), &event.as_fd().as_raw_fd().to_ne_bytes(), UpdateMode::Any)?;
            }
            // It was taken offline since the list was made.
            Err(error) if error.errno == libc::ENODEV => {}
            Err(source) if source.is_permission() => {
                return Err(LoadError::forbidden("count performance events", source, None));
            }
            Err(_) => {
                let points = vec![format!("perf.type({kind}).config({config}).counter")];
                return Err(LoadError::NoFeature { feature: "such counter", points });
            }
        }
    }
    Ok(())
}

/// Writes the contents from entry 0 on, and closes the map to user space.
fn fill(map: &Map, contents: &[u8]) -> Result<(), SysError> {
    let size = map.value_size().max(1);
    for (index, value) in (0u32..).zip(contents.chunks(size)) {
        let mut padded = value.to_vec();
        padded.resize(size, 0);
        map.update(&index.to_ne_bytes(), &padded, UpdateMode::Any)?;
    }
    map.freeze()
}

/// How the verifier says that a program is too long for it: as a whole, in its ways, or in one jump.
const TOO_LONG: [&str; 3] = ["BPF program is too large", "is too complex", "cannot be patched due to 16-bit range"];

pub(crate) fn load_program(plan: &ProgramPlan, placed: &Placed, maps: &[Map]) -> Result<Program, LoadError> {
    let kind = match &plan.attach {
        Attach::Tracepoint { btf_id, typed: true, .. } => ProgramKind::TracingRawTracepoint { btf_id: *btf_id },
        Attach::Tracepoint { .. } => ProgramKind::RawTracepoint,
        Attach::Profile { .. } | Attach::Counter { .. } | Attach::Access { .. } => ProgramKind::PerfEvent,
        Attach::Packets { .. } => ProgramKind::Netfilter,
        Attach::Function { btf_id, returns: false, .. } => ProgramKind::FunctionEntry { btf_id: *btf_id },
        Attach::Function { btf_id, .. } => ProgramKind::FunctionReturn { btf_id: *btf_id },
        Attach::Functions { .. } => ProgramKind::KprobeMulti,
        Attach::KernelCode { .. } | Attach::UserCode { .. } => ProgramKind::Kprobe,
    };
    load_as(kind, plan, placed, &|number| maps.get(number as usize))
}

/// Loads a program as one of that kind.
///
/// # Errors
/// See [`LoadError`].
pub(crate) fn load_as<'m>(
    kind: ProgramKind,
    plan: &ProgramPlan,
    placed: &Placed,
    map: &dyn Fn(u32) -> Option<&'m Map>,
) -> Result<Program, LoadError> {
    const WHAT: &str = "load BPF programs";
    let instructions = patched(plan, map)?;
    // The kernel offers the helpers that read its memory to programs under a licence that is compatible with its own.
    let license = c"Dual MIT/GPL";
    let spec = ProgramSpec { kind, instructions: &instructions, name: &plan.name, license, debug: None };
    Program::load(&spec).map_err(|refused| {
        let points = points_of(plan, placed);
        if refused.is_permission() {
            let source = SysError { what: "load a BPF program", errno: refused.errno };
            match (LoadError::forbidden(WHAT, source, None), &plan.attach) {
                // A kernel that attaches nothing to functions says so this way.
                (LoadError::Forbidden { .. }, Attach::Function { .. }) => {
                    LoadError::NoFeature { feature: crate::attach::FUNCTION_TRACING, points }
                }
                (error, _) => error,
            }
        } else if refused.log.is_empty() && matches!(plan.attach, Attach::Packets { .. }) {
            LoadError::NoFeature { feature: crate::attach::PACKET_HOOKS, points }
        } else if refused.log.is_empty() {
            LoadError::Unsupported { program: plan.name.clone(), points, errno: refused.errno }
        } else if TOO_LONG.iter().any(|words| refused.log.contains(words)) {
            LoadError::TooLong { points }
        } else if refused.log.contains("func bpf_probe_write_user#")
            || refused.log.contains("helper bpf_probe_write_user#")
        {
            // It has two ways to say so: before Linux 6.10 it does not know the function.
            LoadError::NoWriting { points }
        } else {
            let span = refused_at(&refused.log).and_then(|at| span_of(plan, at));
            LoadError::Verifier { program: plan.name.clone(), points, span, errno: refused.errno, log: refused.log }
        }
    })
}

/// Whether a refusal is about the function that the program is for, not about the program: the verifier looked at no instruction.
pub(crate) fn is_of_its_function(plan: &ProgramPlan, error: &LoadError) -> bool {
    matches!(&plan.attach, Attach::Function { .. })
        && match error {
            LoadError::Verifier { log, .. } => refused_at(log).is_none(),
            LoadError::Unsupported { .. } => true,
            _ => false,
        }
}

/// The probe points that a program serves.
pub(crate) fn points_of(plan: &ProgramPlan, placed: &Placed) -> Vec<String> {
    plan.handlers.iter().filter_map(|index| placed.kernel.get(*index)).map(|handler| handler.point.clone()).collect()
}

/// `BPF_LD | BPF_DW | BPF_IMM` of include/uapi/linux/bpf.h, and what its source register may say.
const LOAD_IMMEDIATE: u8 = 0x18;
const MAP_DESCRIPTOR: u8 = 1;
const MAP_VALUE: u8 = 2;

/// The instructions as words, with the maps' descriptors in them.
fn patched<'m>(plan: &ProgramPlan, map: &dyn Fn(u32) -> Option<&'m Map>) -> Result<Vec<u64>, LoadError> {
    let malformed = |at| LoadError::Malformed(format!("relocation at instruction {at} of `{}`", plan.name));
    let mut instructions = plan.instructions.clone();
    for relocation in &plan.relocations {
        let at = relocation.at as usize;
        let map = map(relocation.map).ok_or(malformed(at))?;
        let Some([first, second]) = instructions.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) else {
            return Err(malformed(at));
        };
        if first[0] != LOAD_IMMEDIATE {
            return Err(malformed(at));
        }
        let pseudo = if relocation.value_offset.is_some() { MAP_VALUE } else { MAP_DESCRIPTOR };
        // Two registers share a byte as C bit fields: the destination comes first.
        first[1] =
            if cfg!(target_endian = "little") { first[1] & 0x0f | pseudo << 4 } else { first[1] & 0xf0 | pseudo };
        first[4..].copy_from_slice(&map.as_raw_fd().to_ne_bytes());
        second[4..].copy_from_slice(&relocation.value_offset.unwrap_or(0).to_ne_bytes());
    }
    Ok(instructions.into_iter().map(u64::from_ne_bytes).collect())
}

/// The last instruction that the verifier's log mentions: lines of the form `NUMBER: (OPCODE) TEXT`.
fn refused_at(log: &str) -> Option<u32> {
    log.lines().rev().find_map(|line| {
        let (number, text) = line.split_once(": (")?;
        text.get(2..3).filter(|closing| *closing == ")").and(number.parse().ok())
    })
}

fn span_of(plan: &ProgramPlan, instruction: u32) -> Option<Span> {
    let after = plan.lines.partition_point(|(first, _)| *first <= instruction);
    plan.lines.get(after.checked_sub(1)?).map(|(_, span)| *span)
}

#[cfg(test)]
#[path = "load_tests.rs"]
pub(crate) mod tests;
