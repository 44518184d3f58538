//! Boots a guest and follows its console: what the command says is passed on, the rest is kept for when something goes wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::initramfs::{BEGIN, END};

/// Time for the guest to reach the command.
const TO_COMMAND: Duration = Duration::from_secs(120);

/// Time for the command: several times what all tests take on two CPUs of their own.
const TO_END: Duration = Duration::from_secs(2400);

/// How a boot ended.
pub(crate) enum End {
    /// The command ran to its end, with this status.
    Command(i32),
    /// The guest died under the command, or the command did not end; what happened.
    Broken(String),
    /// The guest did not reach the command; why.
    NoCommand(String),
}

/// Boots once. Both CPUs of the guest run on one thread: with a thread each, the emulation now and then runs code that the
/// guest's kernel is just patching (attaching a tracepoint does), and the guest dies of it.
pub(crate) fn boot(image: &Path, initramfs: &Path, heard: &mut dyn FnMut(&str)) -> Result<End, String> {
    let mut guest = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg,thread=single", "-smp", "2", "-m", "3072", "-cpu", "max"])
        .args(["-nographic", "-no-reboot", "-net", "none", "-monitor", "none"])
        .args(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"])
        .args(["-append", "console=ttyS0 quiet panic=-1 oops=panic"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64 cannot be started: {error}"))?;
    let console = guest.stdout.take().ok_or("qemu has no console")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut console = BufReader::new(console);
        let mut line = vec![];
        while console.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
    let end = follow(&lines, heard);
    _ = guest.kill();
    _ = guest.wait();
    Ok(end)
}

/// Reads the console to the command's end.
fn follow(lines: &std::sync::mpsc::Receiver<String>, heard: &mut dyn FnMut(&str)) -> End {
    let begun = Instant::now();
    let mut before: Vec<String> = vec![];
    let mut reached = false;
    loop {
        let left = (if reached { TO_END } else { TO_COMMAND }).saturating_sub(begun.elapsed());
        match lines.recv_timeout(left) {
            Ok(line) if !reached && line.ends_with(BEGIN) => reached = true,
            Ok(line) if !reached => before.push(line),
            Ok(line) => match line.strip_prefix(END) {
                Some(status) => return End::Command(status.trim().parse().unwrap_or(-1)),
                None => heard(&line),
            },
            Err(error) => {
                let what = match error {
                    RecvTimeoutError::Timeout => "no end in time",
                    RecvTimeoutError::Disconnected => "the guest stopped",
                };
                if reached {
                    return End::Broken(format!("{what} during the command"));
                }
                let last = before.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join(" / ");
                return End::NoCommand(format!("{what}: {last}"));
            }
        }
    }
}
