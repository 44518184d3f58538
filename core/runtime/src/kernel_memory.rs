//! The kernel's memory, read from the user side: handlers of `begin`, `end` and timers follow pointers too.
//!
//! A small program that a system call runs copies memory for us, and faults are its answer. Must never be loaded for a
//! script that does not read: that would cost every start.

use systap_sys::bpf::{Program, ProgramKind, ProgramSpec, instruction as insn};

/// Bytes that one run copies at most.
const CHUNK: usize = 64;
/// Words of the context: address in and status out, length, the copied bytes, the current task.
const WORDS: usize = 3 + CHUNK / 8;
/// Where in the context they are, in bytes.
const LENGTH: u64 = 8;
const DATA: u64 = 16;
const TASK: u64 = DATA + CHUNK as u64;

/// `bpf_probe_read_kernel` and `bpf_get_current_task` (`include/uapi/linux/bpf.h`).
const PROBE_READ_KERNEL: u64 = 113;
const GET_CURRENT_TASK: u64 = 35;

/// The way to the kernel's memory.
#[derive(Debug)]
pub(crate) struct KernelMemory {
    program: Program,
}

/// The program, for a context of [`WORDS`] words in register 1.
fn instructions() -> Vec<u64> {
    const MOVE: u8 = 0xbf;
    const MOVE_NUMBER: u8 = 0xb7;
    const LOAD: u8 = 0x79;
    const STORE: u8 = 0x7b;
    const STORE_NUMBER: u8 = 0x7a;
    const CALL: u8 = 0x85;
    const EXIT: u8 = 0x95;
    let stack = -(CHUNK as i16);
    let mut program = vec![insn(MOVE, 6, 1, 0, 0)];
    // The verifier takes a length that it does not know for memory that is written already.
    program.extend((0..CHUNK as i16 / 8).map(|word| insn(STORE_NUMBER, 10, 0, stack + word * 8, 0)));
    program.extend([
        insn(MOVE, 1, 10, 0, 0),
        insn(0x07, 1, 0, 0, i32::from(stack)),
        insn(LOAD, 2, 6, LENGTH as i16, 0),
        // At most 64: 0 to 63, and one more.
        insn(0x57, 2, 0, 0, CHUNK as i32 - 1),
        insn(0x07, 2, 0, 0, 1),
        insn(LOAD, 3, 6, 0, 0),
        insn(CALL, 0, 0, 0, PROBE_READ_KERNEL as i32),
        insn(STORE, 6, 0, 0, 0),
    ]);
    for word in 0..CHUNK as i16 / 8 {
        program.push(insn(LOAD, 1, 10, stack + word * 8, 0));
        program.push(insn(STORE, 6, 1, DATA as i16 + word * 8, 0));
    }
    program.extend([
        insn(CALL, 0, 0, 0, GET_CURRENT_TASK as i32),
        insn(STORE, 6, 0, TASK as i16, 0),
        insn(MOVE_NUMBER, 0, 0, 0, 0),
        insn(EXIT, 0, 0, 0, 0),
    ]);
    program
}

impl KernelMemory {
    /// Loads the program; `None` where the kernel does not take it (Linux 5.14 does).
    pub(crate) fn open() -> Option<KernelMemory> {
        let instructions = instructions();
        let spec = ProgramSpec {
            kind: ProgramKind::Syscall,
            instructions: &instructions,
            name: "systap_read",
            license: c"Dual MIT/GPL",
            debug: None,
        };
        Program::load(&spec).ok().map(|program| KernelMemory { program })
    }

    /// Copies at most [`CHUNK`] bytes; `None` if they cannot be read. Gives the current task besides.
    fn run(&self, address: u64, into: &mut [u8]) -> Option<u64> {
        let mut context = [0; WORDS * 8];
        put(&mut context, 0, address);
        put(&mut context, LENGTH, (into.len() as u64).wrapping_sub(1));
        self.program.run(&mut context).ok()?;
        let failed = get(&context, 0) != 0;
        let data = context.get(DATA as usize..)?.get(..into.len())?;
        into.copy_from_slice(data);
        (!failed || into.is_empty()).then(|| get(&context, TASK))
    }

    /// Reads memory; false if it cannot be read.
    pub(crate) fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let mut at = address;
        into.chunks_mut(CHUNK).all(|chunk| {
            let done = self.run(at, chunk).is_some();
            at = at.wrapping_add(chunk.len() as u64);
            done
        })
    }

    /// The address of the `task_struct` of this thread.
    pub(crate) fn current_task(&self) -> Option<u64> {
        self.run(0, &mut [])
    }
}

fn put(context: &mut [u8], at: u64, word: u64) {
    if let Some(place) = context.get_mut(at as usize..at as usize + 8) {
        place.copy_from_slice(&word.to_ne_bytes());
    }
}

fn get(context: &[u8], at: u64) -> u64 {
    let place = context.get(at as usize..at as usize + 8).and_then(|bytes| bytes.try_into().ok());
    place.map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_kernel::Kernel;

    #[test]
    fn of_this_thread_and_of_nothing() {
        let Some(memory) = KernelMemory::open() else {
            return eprintln!("skipped: the kernel does not take the program");
        };
        let task = memory.current_task().unwrap();
        let kernel = Kernel::running();
        let btf = kernel.btf().unwrap();
        let id = btf.find(systap_kernel::Kind::Struct, "task_struct").unwrap().unwrap();
        let at = |name| u64::from(btf.member(id, name).unwrap().unwrap().bit_offset / 8);
        let mut pid = [0; 4];
        assert!(memory.read(task + at("tgid"), &mut pid));
        assert_eq!(u32::from_ne_bytes(pid), std::process::id());
        // More than one run's worth.
        let mut all = [0; 300];
        assert!(memory.read(task + at("tgid") - 150, &mut all));
        assert_eq!(all[150..154], pid);
        assert!(!memory.read(16, &mut pid));
    }
}
