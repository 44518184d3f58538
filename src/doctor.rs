//! `systap doctor`: what this kernel lets us do, what the lack of the rest costs, and how to get it; with `--report`, all that a
//! report of a defect needs, in one file.

use std::fmt::Write as _;
use std::path::Path;

use systap_kernel::capability::{Answer, Capability};
use systap_kernel::{Kernel, Release};
use systap_plugin_host::{Host, State, Strength};
use systap_runtime::capability::probe;
use systap_sys::privilege::{self, Capabilities, Lockdown};

use crate::cli::{DoctorOptions, Format};
use crate::outcome::Status;
use crate::terminal;

/// Asks everything and tells it. The status is that of the most basic thing that is missing.
pub(crate) fn doctor(options: &DoctorOptions) -> Status {
    let kernel = Kernel::running();
    let answers: Vec<(Capability, Answer)> = Capability::all().map(|asked| (asked, probe(asked, &kernel))).collect();
    let text = match options.format {
        Format::Text => heading(&kernel) + "\n" + &findings(&answers) + "\n" + &plugins(),
        Format::Json => json(&kernel, &answers),
    };
    let shown = terminal::write_to_stdout(&text);
    if let Some(file) = &options.report
        && let Err(error) = std::fs::write(file, report(&kernel, &answers))
    {
        terminal::complain(&format!("cannot write {}: {error}", file.display()));
        return Status::ScriptError;
    }
    let works = |wanted| answers.iter().any(|(asked, answer)| *asked == wanted && answer.is_yes());
    match shown {
        Status::Done if !works(Capability::Programs) => Status::Refused,
        shown => shown,
    }
}

/// Which machine, and who asks.
fn heading(kernel: &Kernel) -> String {
    let release = kernel.release().map_or("of an unknown release", Release::as_str);
    let mut text = format!("Linux {release}, {}\n", crate::facts::architecture(kernel));
    _ = writeln!(text, "lockdown: {}", lockdown());
    _ = writeln!(text, "privilege: {}", privilege());
    text
}

fn lockdown() -> String {
    match privilege::lockdown() {
        Ok(Lockdown::Off) => "none".to_owned(),
        Ok(Lockdown::Integrity) => "integrity: nobody may change the running kernel or its modules".to_owned(),
        Ok(Lockdown::Confidentiality) => {
            "confidentiality: nobody may read the kernel's memory, so that little can be traced".to_owned()
        }
        Err(error) => format!("unknown ({error})"),
    }
}

fn privilege() -> &'static str {
    match Capabilities::effective() {
        Ok(held) if held.allows_bpf() && held.allows_perf_events() => "enough to trace",
        Ok(held) if held.allows_bpf() => "CAP_BPF without CAP_PERFMON: not enough to trace",
        Ok(_) => "none: run as root, or with CAP_BPF and CAP_PERFMON",
        Err(_) => "unknown",
    }
}

/// A line for each, and three for what is missing.
fn findings(answers: &[(Capability, Answer)]) -> String {
    let mut text = String::new();
    for (asked, _) in answers.iter().filter(|(_, answer)| answer.is_yes()) {
        _ = writeln!(text, "yes  {}: {}", asked.title(), asked.serves());
    }
    for (asked, answer) in answers.iter().filter(|(_, answer)| !answer.is_yes()) {
        let (word, why) = match answer {
            Answer::No(why) => ("no ", why.as_str()),
            Answer::Unknown(why) => ("?  ", why.as_str()),
            Answer::Yes => continue,
        };
        _ = writeln!(text, "{word}  {}: {}", asked.title(), asked.serves());
        _ = writeln!(text, "       why      {why}");
        _ = writeln!(text, "       so       {}", asked.lack());
        let (major, minor) = asked.since();
        _ = writeln!(text, "       to mend  {} (Linux {major}.{minor} and later)", asked.remedy());
    }
    text
}

/// How safe the native part of tapsets is here, found by trying.
fn plugins() -> String {
    let sandbox = match Host::new().try_sandbox() {
        Ok(sandbox) => sandbox,
        Err(error) => return format!("tapsets' plugins: none is opened: {error}\n"),
    };
    let mut text = match sandbox.strength() {
        Strength::Full => "tapsets' plugins: fully confined\n",
        Strength::Weak => "tapsets' plugins: confined, though less than is possible\n",
        Strength::None => "tapsets' plugins: none is opened, since their processes cannot be confined\n",
    }
    .to_owned();
    for (layer, state) in &sandbox.layers {
        _ = match state {
            State::On => writeln!(text, "yes  {}", layer.title()),
            State::Partly(why) => writeln!(text, "part {}: {why}", layer.title()),
            State::Off(why) => writeln!(text, "no   {}: {why}", layer.title()),
        };
    }
    text
}

/// The same for programs.
fn plugins_json() -> serde_json::Value {
    match Host::new().try_sandbox() {
        Ok(sandbox) => serde_json::json!({ "strength": sandbox.strength(), "layers": sandbox.layers }),
        Err(error) => serde_json::json!({ "strength": Strength::None, "why": error.to_string() }),
    }
}

/// One object: the kernel, and each question with its answer.
fn json(kernel: &Kernel, answers: &[(Capability, Answer)]) -> String {
    let each = answers.iter().map(|(asked, answer)| {
        let (state, why) = match answer {
            Answer::Yes => ("yes", None),
            Answer::No(why) => ("no", Some(why)),
            Answer::Unknown(why) => ("unknown", Some(why)),
        };
        (asked.name().to_owned(), serde_json::json!({ "state": state, "why": why }))
    });
    let object = serde_json::json!({
        "release": kernel.release().map(Release::as_str).ok(),
        "arch": crate::facts::architecture(kernel),
        "lockdown": lockdown().split(':').next(),
        "plugins": plugins_json(),
        "capabilities": each.collect::<serde_json::Map<_, _>>(),
    });
    format!("{object}\n")
}

/// Files of the kernel that say how it is set up; none of them tells whose machine it is.
const SETTINGS: [&str; 9] = [
    "/proc/version",
    "/proc/sys/kernel/unprivileged_bpf_disabled",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/net/core/bpf_jit_enable",
    "/proc/sys/net/core/bpf_jit_harden",
    "/sys/devices/system/cpu/possible",
    "/sys/devices/system/cpu/online",
];

/// Options of the build that decide about tracing.
const OPTIONS: [&str; 12] = [
    "CONFIG_BPF",
    "CONFIG_DEBUG_INFO_BTF",
    "CONFIG_KPROBE",
    "CONFIG_UPROBE",
    "CONFIG_FPROBE",
    "CONFIG_FTRACE",
    "CONFIG_DYNAMIC_FTRACE",
    "CONFIG_FUNCTION_TRACER",
    "CONFIG_PREEMPT",
    "CONFIG_HZ",
    "CONFIG_NETFILTER_BPF_LINK",
    "CONFIG_SECURITY_LOCKDOWN_LSM",
];

/// All that somebody else needs to understand a defect here.
fn report(kernel: &Kernel, answers: &[(Capability, Answer)]) -> String {
    let mut text = format!("systap {}\n{}", env!("CARGO_PKG_VERSION"), heading(kernel));
    _ = writeln!(text, "\n[capabilities]");
    for (asked, answer) in answers {
        _ = writeln!(text, "{} = {answer}", asked.name());
    }
    _ = writeln!(text, "\n[plugins]\n{}", plugins_json());
    _ = writeln!(text, "\n[settings]");
    for file in SETTINGS {
        match std::fs::read_to_string(file) {
            Ok(value) => _ = writeln!(text, "{file} = {}", value.trim()),
            Err(error) => _ = writeln!(text, "{file}: {error}"),
        }
    }
    _ = writeln!(text, "\n[build options]");
    let wanted = |(name, _): &(&str, &str)| OPTIONS.iter().any(|option| name.starts_with(option));
    match kernel.config() {
        Ok(config) => config.set().filter(wanted).for_each(|(name, value)| _ = writeln!(text, "{name}={value}")),
        Err(error) => _ = writeln!(text, "{error}"),
    }
    _ = writeln!(text, "\n[facts]");
    match kernel.btf() {
        Ok(_) => {
            let bytes = std::fs::metadata("/sys/kernel/btf/vmlinux").map_or(0, |file| file.len());
            _ = writeln!(text, "types: {bytes} bytes");
        }
        Err(error) => _ = writeln!(text, "types: {error}"),
    }
    let modules = |folder: &str| std::fs::read_dir(Path::new(folder)).map_or(0, Iterator::count);
    _ = writeln!(text, "modules with types: {}", modules("/sys/kernel/btf").saturating_sub(1));
    match kernel.tracepoint_names() {
        Ok(names) => _ = writeln!(text, "tracepoints: {}", names.len()),
        Err(error) => _ = writeln!(text, "tracepoints: {error}"),
    }
    text
}
