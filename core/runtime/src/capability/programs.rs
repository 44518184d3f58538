//! What needs a program or a map to be found out, and no attachment. Everything made here ends with the question.

use systap_kernel::capability::{Answer, Capability};
use systap_sys::SysError;
use systap_sys::bpf::{LoadError, Map, MapFlags, MapKind, MapSpec, Program, ProgramKind, ProgramSpec, instruction};

use super::{NONE, answer, why};

/// r0 = 0
pub(super) const RESULT_ZERO: u64 = instruction(0xb7, 0, 0, 0, 0);
pub(super) const EXIT: u64 = instruction(0x95, 0, 0, 0, 0);

/// `bpf_probe_write_user` of `enum bpf_func_id`.
const PROBE_WRITE_USER: i32 = 36;
/// `bpf_loop`, likewise.
const LOOP: i32 = 181;
/// `bpf_task_storage_get`, likewise.
const TASK_STORAGE_GET: i32 = 156;

pub(super) fn probe(capability: Capability) -> Answer {
    match capability {
        Capability::Ring => answer(Map::create(&MapSpec {
            kind: MapKind::RingBuf,
            key_size: 0,
            value_size: 0,
            max_entries: 4096,
            flags: MapFlags::default(),
            name: "systap_probe",
        })),
        Capability::CalledPrograms => taken(ProgramKind::Syscall, &[RESULT_ZERO, EXIT]),
        // may_goto +1: it may leave out what follows.
        Capability::OpenLoops => {
            let may_goto = instruction(0xe5, 0, 0, 1, 0);
            taken(ProgramKind::RawTracepoint, &[RESULT_ZERO, may_goto, RESULT_ZERO, EXIT])
        }
        // r0 = 0; r0 s/= 1
        Capability::Instructions4 => {
            taken(ProgramKind::RawTracepoint, &[RESULT_ZERO, instruction(0x37, 0, 0, 1, 1), EXIT])
        }
        Capability::Callbacks => helper(LOOP),
        Capability::TaskStorage => helper(TASK_STORAGE_GET),
        Capability::UserWrites => helper(PROBE_WRITE_USER),
        _ => taken(ProgramKind::RawTracepoint, &[RESULT_ZERO, EXIT]),
    }
}

/// Loads a program for the sake of the question.
///
/// # Errors
/// As [`Program::load`].
pub(super) fn load(kind: ProgramKind, instructions: &[u64]) -> Result<Program, LoadError> {
    let spec = ProgramSpec { kind, instructions, name: "systap_probe", license: c"Dual MIT/GPL", debug: None };
    Program::load(&spec)
}

/// Whether the kernel takes such a program.
pub(super) fn taken(kind: ProgramKind, instructions: &[u64]) -> Answer {
    match load(kind, instructions) {
        Ok(_) => Answer::Yes,
        Err(refused) => Answer::No(refusal(&refused)),
    }
}

/// In a few words why a program was refused.
pub(super) fn refusal(refused: &LoadError) -> String {
    why(&SysError { what: "load a BPF program", errno: refused.errno })
}

/// Whether programs may call a helper: the verifier looks at the helper's number before it looks at the arguments, so that a call
/// without any is refused in other words if it knows the helper.
fn helper(number: i32) -> Answer {
    match load(ProgramKind::RawTracepoint, &[instruction(0x85, 0, 0, 0, number), RESULT_ZERO, EXIT]) {
        Ok(_) => Answer::Yes,
        Err(refused) if refused.log.is_empty() => Answer::No(refusal(&refused)),
        Err(refused) if ["unknown func", "invalid func"].iter().any(|said| refused.log.contains(said)) => {
            Answer::No(NONE.to_owned())
        }
        Err(refused) if refused.log.contains("program of this type cannot use helper") => {
            Answer::No("the kernel forbids it".to_owned())
        }
        Err(_) => Answer::Yes,
    }
}
