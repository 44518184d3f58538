//! A plugin that does harm, for the tests: which, the release that it is told says.
#![allow(missing_docs, unsafe_code, clippy::print_stdout, reason = "a library for tests, that means harm")]

use std::io::Write;
use std::os::fd::FromRawFd;
use std::time::Duration;

use systap_plugin::{KernelFacts, Registrar};

fn register(facts: &KernelFacts, registrar: &mut Registrar) {
    let (deed, object) = facts.release().split_once(' ').unwrap_or((facts.release(), ""));
    match deed {
        "panic" => panic!("as \x1b[2J asked"),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(object.parse().unwrap_or(0)),
        "segfault" => unsafe { std::ptr::null_mut::<u8>().write_volatile(1) },
        "loop" => loop {
            std::hint::black_box(());
        },
        "sleep" => std::thread::sleep(Duration::from_secs(60)),
        "stop" => unsafe { _ = libc::raise(libc::SIGSTOP) },
        "memory" => {
            let mut held = vec![];
            loop {
                held.push(vec![1_u8; 1 << 20]);
                std::hint::black_box(&held);
            }
        }
        "long" => (0..8000).for_each(|number| registrar.constant(&format!("N{number}"), "x".repeat(500).as_str())),
        "flood" => {
            // The largest answer that memory allows.
            let text = "x".repeat(1 << 20);
            (0..1024).for_each(|number| registrar.constant(&format!("N{number}"), text.as_str()));
        }
        "garbage" => every_descriptor(b"\0\xff garbage"),
        "forge" => {
            println!("{{\"aliases\":[]}}");
            every_descriptor(&[b"systap-plugin\0\0\x01".as_slice(), &2_u32.to_le_bytes(), &[0; 32], b"{}"].concat());
        }
        "pour" => {
            let much = vec![b'x'; 1 << 20];
            (0..1024).for_each(|_| every_descriptor(&much));
        }
        "close" => (0..16).for_each(|fd| unsafe { _ = libc::close(fd) }),
        "close-sleep" => {
            (0..16).for_each(|fd| unsafe { _ = libc::close(fd) });
            std::thread::sleep(Duration::from_secs(60));
        }
        "unit" => registrar.alias("a.b", "../../etc/passwd"),
        "name" => registrar.alias("a.b { system(\"x\") }", "new.stp"),
        "twice" => (0..2).for_each(|_| registrar.alias("a.b", "new.stp")),
        "random" => registrar.constant("N", i64::from(random())),
        "unasked" => registrar.constant("N", i64::from(facts.has_function("vfs_read"))),
        "attempt" => registrar.constant("REFUSED", attempt(object).as_str()),
        "syscall" => unsafe { _ = libc::syscall(libc::SYS_bpf, 0, 0, 0) },
        _ => registrar.constant("KNOWN", 0),
    }
}

fn every_descriptor(bytes: &[u8]) {
    for fd in 0..16 {
        // Whoever owns it, the process is about to end.
        let mut file = std::mem::ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(fd) });
        _ = file.write_all(bytes);
    }
}

fn random() -> u32 {
    let mut number = [0; 4];
    unsafe { libc::getrandom(number.as_mut_ptr().cast(), 4, 0) };
    u32::from_ne_bytes(number)
}

/// Tries what must not be possible; gives the error, or `done`.
fn attempt(what: &str) -> String {
    let result = match what {
        "fork" => errno(unsafe { libc::fork() }),
        "thread" => std::thread::Builder::new().spawn(|| ()).map(|_| ()),
        "socket" => std::net::UdpSocket::bind("127.0.0.1:0").map(|_| ()),
        "kill" => errno(unsafe { libc::kill(libc::getppid(), libc::SIGUSR1) }),
        "passwd" => std::fs::read("/etc/passwd").map(|_| ()),
        "btf" => std::fs::read("/sys/kernel/btf/vmlinux").map(|_| ()),
        "write" => std::fs::write("/dev/shm/systap-plugin-was-here", "x"),
        "environ" => std::fs::read("/proc/self/environ").map(|_| ()),
        "tsc" => Err(std::io::Error::other("nothing tried")),
        "root" => errno(unsafe { libc::setuid(0) }),
        _ => Err(std::io::Error::other("unknown")),
    };
    result.map_or_else(|error| error.kind().to_string(), |()| "done".to_owned())
}

fn errno(result: i32) -> std::io::Result<()> {
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

systap_plugin::export_tapset!(register);
