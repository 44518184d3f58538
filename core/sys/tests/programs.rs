//! Programs of the running kernel: loaded, refused, attached, counted, gone.
//!
//! It must never count anything but its own threads' calls: other processes run meanwhile.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod assembly;
#[path = "assembly/typedef.rs"]
mod typedef;

use std::os::unix::process::parent_id;
use std::time::{Duration, Instant};

use assembly::*;
use systap_sys::bpf::{
    Btf, DebugInfo, FunctionInfo, LineInfo, LoadError, Program, ProgramKind, ProgramSpec, SharedWords,
    attach_raw_tracepoint, enable_run_time_stats, program_exists,
};
use systap_sys::perf::{PerfEvent, Sampling, Target, UserProbe};
use systap_sys::{cpu, process};

#[cfg(target_arch = "x86_64")]
const GETPPID: i32 = 110;
#[cfg(not(target_arch = "x86_64"))]
const GETPPID: i32 = 173;

const GET_CURRENT_PID_TGID: i32 = 14;

/// A program for the entry of system calls that counts this thread's calls of getppid in word 0.
fn count_getppid(kind: ProgramKind) -> (Program, SharedWords) {
    let array = shared_array(1);
    let words = array.map_values().unwrap();
    let mut code = vec![load(6, 1, 8), insn(0x55, 6, 0, 6, GETPPID), call(GET_CURRENT_PID_TGID)];
    code.extend([insn(0x56, 0, 0, 4, process::thread_id().cast_signed())]);
    code.extend(map_value(1, &array));
    code.extend([set(2, 1), atomic_add(1, 0, 2), set(0, 0), exit()]);
    (load_program(kind, &code), words)
}

fn call_getppid(times: usize) {
    for _ in 0..times {
        std::hint::black_box(parent_id());
    }
}

/// Waits until no program has this id any more; the kernel unloads them after a grace period.
fn wait_until_gone(id: u32) {
    let begun = Instant::now();
    while program_exists(id).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(10), "program {id} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn counts_exactly(kind: ProgramKind, name: Option<&str>) {
    let (program, words) = count_getppid(kind);
    let id = program.info().unwrap().id;
    call_getppid(10);
    let link = attach_raw_tracepoint(&program, name).unwrap();
    assert!(!link.is_perf_event());
    call_getppid(1000);
    // The link alone keeps the program.
    drop(program);
    assert!(program_exists(id).unwrap());
    call_getppid(500);
    drop(link);
    wait_until_gone(id);
    call_getppid(10);
    assert_eq!(words.load(0), 1500);
}

#[test]
fn a_raw_tracepoint_counts_exactly() {
    if may_trace() {
        counts_exactly(ProgramKind::RawTracepoint, Some("sys_enter"));
    }
}

#[test]
fn a_typed_tracepoint_counts_exactly() {
    if !may_trace() {
        return;
    }
    match typedef::typedef_id("btf_trace_sys_enter") {
        Some(btf_id) => counts_exactly(ProgramKind::TracingRawTracepoint { btf_id }, None),
        None => eprintln!("skipped: no BTF for sys_enter"),
    }
}

#[test]
fn a_tracepoint_that_does_not_exist_is_an_error() {
    if !may_trace() {
        return;
    }
    let program = load_program(ProgramKind::RawTracepoint, &[set(0, 0), exit()]);
    // ENOENT
    assert_eq!(attach_raw_tracepoint(&program, Some("no_such_tracepoint")).unwrap_err().errno, 2);
    // EINVAL
    assert_eq!(attach_raw_tracepoint(&program, Some("sys_enter\0")).unwrap_err().errno, 22);
    assert_eq!(attach_raw_tracepoint(&program, None).unwrap_err().errno, 22);
}

fn refusal(instructions: &[u64], debug: Option<DebugInfo<'_>>) -> LoadError {
    let kind = ProgramKind::RawTracepoint;
    Program::load(&ProgramSpec { kind, instructions, name: "wrong", license: c"GPL", debug }).unwrap_err()
}

#[test]
fn a_refusal_brings_the_verifiers_words() {
    if !may_trace() {
        return;
    }
    let error = refusal(&[exit()], None);
    assert!(error.log.contains("R0 !read_ok"), "{error}\n{}", error.log);
    assert!(!error.is_permission());
}

#[test]
fn a_long_log_is_whole() {
    if !may_trace() {
        return;
    }
    let mut code = vec![set(1, 0)];
    code.extend((0..20_000).map(|number| insn(0xb7, (number % 9 + 1) as u8, 0, 0, number)));
    code.push(exit());
    let error = refusal(&code, None);
    assert!(error.log.len() > 64 << 10, "{}", error.log.len());
    assert!(error.log.contains("R0 !read_ok"));
    let first = error.log.find("0: (b7) r1 = 0").unwrap_or(usize::MAX);
    assert!(first < 200, "{:.300}", error.log);
}

#[test]
fn no_instructions_are_an_error_without_a_log() {
    if !may_trace() {
        return;
    }
    let error = refusal(&[], None);
    assert_eq!((error.errno, error.log.as_str()), (7, ""));
}

/// BTF of one function `int handler(int context)` and the strings that line information needs.
fn handler_btf() -> (Vec<u8>, u32, u32) {
    let strings = b"\0int\0handler\0context\0count.stp\0probe syscall.read { n++ }\0";
    let at = |text: &str| {
        let text = format!("\0{text}\0");
        strings.windows(text.len()).position(|part| part == text.as_bytes()).unwrap() as u32 + 1
    };
    let types = [
        // [1] int, 32 bits, signed
        [at("int"), 1 << 24, 4].as_slice(),
        &[1 << 24 | 32],
        // [2] int (int context)
        &[0, 13 << 24 | 1, 1],
        &[at("context"), 1],
        // [3] the function, static
        &[at("handler"), 12 << 24, 2],
    ]
    .concat();
    let types_len = types.len() as u32 * 4;
    let mut btf = Vec::new();
    btf.extend(0xeb9f_u16.to_ne_bytes());
    btf.extend([1, 0]);
    for word in [24, 0, types_len, types_len, strings.len() as u32] {
        btf.extend(u32::to_ne_bytes(word));
    }
    btf.extend(types.iter().flat_map(|word| word.to_ne_bytes()));
    btf.extend(strings);
    (btf, at("count.stp"), at("probe syscall.read { n++ }"))
}

#[test]
fn the_verifier_quotes_the_script() {
    if !may_trace() {
        return;
    }
    let (bytes, file_name, line_text) = handler_btf();
    let btf = Btf::load(&bytes).unwrap();
    let functions = [FunctionInfo { instruction: 0, type_id: 3 }];
    let lines = [LineInfo { instruction: 0, file_name, line_text, line_and_column: 7 << 10 | 1 }];
    let debug = Some(DebugInfo { btf: &btf, functions: &functions, lines: &lines });
    let error = refusal(&[set(1, 0), exit()], debug);
    assert!(error.log.contains("; probe syscall.read { n++ }"), "{error}\n{}", error.log);
    let kind = ProgramKind::RawTracepoint;
    let good = [set(0, 0), exit()];
    Program::load(&ProgramSpec { kind, instructions: &good, name: "right", license: c"GPL", debug }).unwrap();
    assert!(Btf::load(&bytes[..30]).is_err());
}

#[test]
fn a_test_run_gives_what_the_program_returns() {
    if !may_trace() {
        return;
    }
    // The sum of the first two arguments.
    let code = [load(2, 1, 0), load(0, 1, 8), insn(0x0f, 0, 2, 0, 0), exit()];
    let program = load_program(ProgramKind::RawTracepoint, &code);
    let arguments: Vec<u8> = [40_u64, 2].iter().flat_map(|word| word.to_ne_bytes()).collect();
    assert_eq!(program.test_run(&arguments).unwrap(), 42);
    // The context is shorter than what the program reads.
    assert_eq!(program.test_run(&arguments[..8]).unwrap_err().errno, 22);
}

#[test]
fn the_kernel_accounts_for_runs() {
    if !may_trace() {
        return;
    }
    let program = load_program(ProgramKind::RawTracepoint, &[set(0, 0), exit()]);
    let info = program.info().unwrap();
    assert_eq!((info.instructions, info.run_count, info.recursion_misses), (2, 0, 0));
    assert!(info.id > 0);
    let stats = match enable_run_time_stats() {
        Ok(stats) => stats,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    for _ in 0..100 {
        program.test_run(&[]).unwrap();
    }
    drop(stats);
    let info = program.info().unwrap();
    assert_eq!(info.run_count, 100);
    assert!(info.run_nanoseconds > 0);
}

#[test]
fn samples_of_the_clock_come_at_their_rate() {
    if !may_trace() {
        return;
    }
    let array = shared_array(1);
    let words = array.map_values().unwrap();
    let mut code = map_value(1, &array).to_vec();
    code.extend([set(2, 1), atomic_add(1, 0, 2), set(0, 0), exit()]);
    let program = load_program(ProgramKind::PerfEvent, &code);
    let id = program.info().unwrap().id;
    for sampling in [Sampling::Frequency(1000), Sampling::PeriodNanoseconds(1_000_000)] {
        words.store(0, 0);
        let event = match PerfEvent::cpu_clock_on(0, sampling) {
            Ok(event) => event,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(words.load(0), 0, "not started yet");
        let begun = Instant::now();
        let link = event.attach(&program).unwrap();
        assert!(link.is_perf_event());
        std::thread::sleep(Duration::from_millis(200));
        drop(link);
        let most = begun.elapsed().as_millis() as i64;
        let count = words.load(0);
        // A busy host may stop this machine for a while, but never lets a clock run fast.
        assert!(count >= 40 && count <= most + most / 5 + 5, "{count} samples in {most} ms by {sampling:?}");
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(words.load(0), count, "stopped");
    }
    drop(program);
    wait_until_gone(id);
}

#[test]
fn every_processor_has_a_clock_and_others_have_none() {
    if !may_trace() {
        return;
    }
    for number in cpu::online_cpus().unwrap() {
        if let Err(error) = PerfEvent::cpu_clock_on(number, Sampling::Frequency(99)) {
            return eprintln!("skipped: {error}");
        }
    }
    assert!(PerfEvent::cpu_clock_on(60_000, Sampling::Frequency(99)).is_err());
    assert!(PerfEvent::cpu_clock_on(u32::MAX, Sampling::Frequency(99)).is_err());
    assert!(PerfEvent::cpu_clock_on(0, Sampling::Frequency(0)).is_err());
    assert!(PerfEvent::counter(1, 0, Sampling::PeriodCounts(1000), Target::Thread(process::thread_id())).is_ok());
}

#[test]
fn a_kernel_probe_fires_where_the_kernel_has_them() {
    if !may_trace() {
        return;
    }
    let Ok(pmu) = std::fs::read_to_string("/sys/bus/event_source/devices/kprobe/type") else {
        return eprintln!("skipped: this kernel has no kprobes");
    };
    let array = shared_array(1);
    let words = array.map_values().unwrap();
    let mut code = map_value(1, &array).to_vec();
    code.extend([set(2, 1), atomic_add(1, 0, 2), set(0, 0), exit()]);
    let program = load_program(ProgramKind::Kprobe, &code);
    let event = PerfEvent::kernel_probe(pmu.trim().parse().unwrap(), c"vfs_read", 0, false).unwrap();
    let _link = event.attach(&program).unwrap();
    std::fs::read("/proc/version").unwrap();
    assert!(words.load(0) > 0);
}

/// What is probed: its code must be where its address says, called and not inlined.
#[inline(never)]
extern "C" fn probed(number: u64) -> u64 {
    std::hint::black_box(number) + 1
}

/// Where in this test's file an address of its code comes from.
fn file_offset(address: u64) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let number = |text: &str| u64::from_str_radix(text, 16).unwrap();
    maps.lines()
        .find_map(|line| {
            let mut fields = line.split_whitespace();
            let (from, to) = fields.next()?.split_once('-')?;
            let offset = number(fields.nth(1)?);
            (number(from)..number(to)).contains(&address).then(|| address - number(from) + offset)
        })
        .unwrap()
}

#[test]
fn a_user_probe_fires_at_each_call() {
    if !may_trace() {
        return;
    }
    let Ok(pmu) = std::fs::read_to_string("/sys/bus/event_source/devices/uprobe/type") else {
        return eprintln!("skipped: this kernel has no uprobes");
    };
    let pmu = pmu.trim().parse().unwrap();
    let array = shared_array(1);
    let words = array.map_values().unwrap();
    // Adds up the cookies, which tell the two probes apart.
    const GET_ATTACH_COOKIE: i32 = 174;
    let mut code = vec![call(GET_ATTACH_COOKIE)];
    code.extend(map_value(1, &array));
    code.extend([atomic_add(1, 0, 0), set(0, 0), exit()]);
    let program = load_program(ProgramKind::Kprobe, &code);

    let path = std::ffi::CString::new(std::env::current_exe().unwrap().into_os_string().into_encoded_bytes()).unwrap();
    let offset = file_offset(probed as *const () as u64);
    let entry = UserProbe { path: &path, offset, returns: false, semaphore_offset: 0, process: None };
    let back = UserProbe { returns: true, process: Some(std::process::id()), ..entry };
    let entry = PerfEvent::user_probe(pmu, &entry).unwrap().attach_with_cookie(&program, 1).unwrap();
    let sum = || (0..100).map(|number| probed(number)).sum::<u64>();
    assert_eq!(sum(), 5050);
    assert_eq!(words.load(0), 100);
    // This is not the first thread of its process.
    let back = PerfEvent::user_probe(pmu, &back).unwrap().attach_with_cookie(&program, 1000).unwrap();
    assert_eq!(sum(), 5050);
    assert_eq!(words.load(0), 100_200);
    drop(back);
    let before = words.load(0);
    drop(entry);
    assert_eq!(sum(), 5050);
    assert_eq!(words.load(0), before);
    let nowhere = UserProbe { path: c"/nonexistent", offset, returns: false, semaphore_offset: 0, process: None };
    // ENOENT
    assert_eq!(PerfEvent::user_probe(pmu, &nowhere).unwrap_err().errno, 2);
}
