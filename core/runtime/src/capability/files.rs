//! What the kernel tells in files. They are read or only opened; nothing is mounted for long.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use systap_kernel::capability::{Answer, Capability};
use systap_kernel::{Kernel, tracefs};

pub(super) fn probe(capability: Capability, kernel: &Kernel) -> Answer {
    match capability {
        Capability::MachineCode => machine_code(),
        Capability::Types => known(kernel.btf()),
        Capability::Symbols => match kernel.symbols() {
            // All are shown as 0 to those who may not know.
            Ok(symbols) if symbols.iter().all(|symbol| symbol.address == 0) => {
                Answer::No("the kernel hides the addresses".to_owned())
            }
            symbols => known(symbols),
        },
        Capability::TraceableFunctions => of_tracefs("available_filter_functions"),
        Capability::EventFiles => of_tracefs("available_events"),
        _ => build_options(kernel),
    }
}

fn known<T, E: ToString>(read: Result<T, E>) -> Answer {
    match read {
        Ok(_) => Answer::Yes,
        Err(error) => Answer::No(error.to_string()),
    }
}

fn opened(file: io::Result<File>) -> Answer {
    match file {
        Ok(_) => Answer::Yes,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Answer::No("the kernel forbids it".to_owned()),
        Err(error) => Answer::No(error.to_string()),
    }
}

/// `net.core.bpf_jit_enable`: 0 is off. A kernel that only has machine code does not have the file at all.
fn machine_code() -> Answer {
    match fs::read_to_string("/proc/sys/net/core/bpf_jit_enable") {
        Ok(text) if text.trim() == "0" => Answer::No("it is switched off".to_owned()),
        Ok(_) => Answer::Yes,
        Err(error) => Answer::Unknown(format!("net.core.bpf_jit_enable: {error}")),
    }
}

fn of_tracefs(name: &str) -> Answer {
    opened(tracefs::open(Path::new(name)))
}

fn build_options(kernel: &Kernel) -> Answer {
    match kernel.config() {
        Ok(_) => Answer::Yes,
        Err(_) => Answer::No("neither /proc/config.gz nor a file of the distribution's is there".to_owned()),
    }
}
