//! The road of a script, and a sink that keeps what a run says.

use std::io;
use std::time::Duration;

use systap_bpf::{Artifact, KernelLayout, Needs, Options};
use systap_diagnostics::{Diagnostic, Severity, Sources};
use systap_ir::placed::{Capabilities, Placed};
use systap_ir::program::Limits;
use systap_kernel::Kernel;
use systap_kernel::syscall::ArgKind;
use systap_runtime::{Notice, Plan, Report, RunError, RuntimeReport, Sink, Step, Target, run};
use systap_sys::privilege;

/// Whether programs can be loaded and calls be made here; says so if not.
pub(crate) fn can_trace() -> bool {
    let may = privilege::Capabilities::effective().is_ok_and(|own| own.allows_bpf() && own.allows_perf_events());
    let able = may && cfg!(target_arch = "x86_64") && std::path::Path::new("/usr/bin/perl").exists();
    if !able {
        eprintln!("skipped: needs CAP_BPF, CAP_PERFMON, x86_64 and perl");
    }
    able
}

/// Whether the kernel's part may loop as the script does; says so if not.
pub(crate) fn has_open_loops() -> bool {
    let able = Options::for_kernel(&Kernel::running()).may_goto;
    if !able {
        eprintln!("skipped: needs may_goto (Linux 6.9)");
    }
    able
}

/// A command that makes exactly so many calls of getpgrp, which nothing else in it calls.
pub(crate) fn calls(count: u64) -> Target {
    Target::Command(format!("exec perl -e 'syscall(111) for 1..{count}'"))
}

/// A script and how to run it.
pub(crate) struct Script<'a> {
    pub(crate) text: &'a str,
    pub(crate) target: Target,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) limits: Limits,
    pub(crate) ring_bytes: u32,
    pub(crate) count_hits: bool,
}

impl<'a> Script<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Script {
            text,
            target: Target::None,
            // A test that goes wrong must end.
            time_limit: Some(Duration::from_secs(20)),
            limits: Limits::default(),
            ring_bytes: 1 << 20,
            count_hits: true,
        }
    }

    pub(crate) fn with(text: &'a str, target: Target) -> Self {
        Script { target, ..Script::new(text) }
    }

    /// Compiles it; a script of a test must be right.
    pub(crate) fn compile(&self, kernel: &Kernel) -> (Placed, Option<Artifact>) {
        let mut sources = Sources::default();
        let file = sources.add("test.stp", self.text);
        let parsed = systap_syntax::parse(&mut sources, file, &systap_syntax::ParseOptions::default());
        assert_right(&parsed.diagnostics);
        let programs = systap_binary::Programs::default();
        let files = [parsed.file];
        let input = systap_elaborate::Input::new(&files, &mut sources, kernel, &programs);
        let elaborated = systap_elaborate::elaborate(systap_elaborate::Input { limits: self.limits, ..input });
        assert_right(&elaborated.diagnostics);
        let mut unit = systap_ir::lower(&elaborated.program).expect("it lowers");
        systap_ir::optimize(&mut unit);
        let open_loops = Options::for_kernel(kernel).may_goto;
        let placed = systap_ir::place(&unit, &Capabilities { open_loops, followed_loops: true }).expect("it is placed");
        if placed.kernel.is_empty() {
            return (placed, None);
        }
        let layout = KernelLayout::of(kernel, Needs::of(&placed)).unwrap();
        let table = kernel.syscalls();
        let names: Vec<(u32, &str)> = table.iter().map(|call| (call.number, call.name)).collect();
        let mut strings = vec![0; 1024];
        for call in table.iter() {
            for (index, _) in call.args.iter().enumerate().filter(|(_, arg)| arg.kind == ArgKind::UserString) {
                strings[call.number as usize] |= 1 << index;
            }
        }
        let options = Options {
            ring_bytes: self.ring_bytes,
            count_hits: self.count_hits,
            syscall_names: &names,
            string_arguments: &strings,
            hz: 250,
            ..Options::for_kernel(kernel)
        };
        let artifact = systap_bpf::generate(&placed, &layout, &options).unwrap();
        (placed, Some(artifact))
    }

    /// Runs it; gives its report and what it said.
    pub(crate) fn run(&self) -> (Report, Said) {
        let mut said = Said::default();
        let report = self.run_into(&mut said).unwrap();
        assert_eq!(report.malformed, 0);
        (report, said)
    }

    /// Runs it with this sink.
    pub(crate) fn run_into(&self, sink: &mut dyn Sink) -> Result<Report, RunError> {
        let kernel = Kernel::running();
        let (placed, artifact) = self.compile(&kernel);
        let plan = Plan {
            placed: &placed,
            artifact: artifact.as_ref(),
            kernel: &kernel,
            target: self.target.clone(),
            time_limit: self.time_limit,
            hz: 250,
        };
        run(&plan, sink)
    }
}

fn assert_right(diagnostics: &[Diagnostic]) {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// What a run said.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) output: Vec<u8>,
    pub(crate) warnings: Vec<String>,
    pub(crate) errors: Vec<RuntimeReport>,
    /// Steps, warnings and errors in their order, with how much output there was.
    pub(crate) steps: Vec<(usize, Step)>,
}

impl Sink for Said {
    fn output(&mut self, text: &[u8]) -> io::Result<()> {
        self.output.extend_from_slice(text);
        Ok(())
    }

    fn warning(&mut self, notice: &Notice) {
        self.warnings.push(notice.to_string());
    }

    fn error(&mut self, error: &RuntimeReport) {
        self.errors.push(error.clone());
    }

    fn trace(&mut self, step: &Step) {
        self.steps.push((self.output.len(), step.clone()));
    }
}

impl Said {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.output).unwrap()
    }

    pub(crate) fn sentences(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error.sentence.as_str()).collect()
    }
}
