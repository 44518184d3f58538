//! Where a run's words go: output to standard output or a file, everything else to standard error; as text or as JSON, an
//! object a line.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use serde_json::json;
use systap_diagnostics::{Diagnostic, Sources, Span, render};
use systap_runtime::{Notice, RuntimeReport, Sink, Step, Viewer};

use crate::background;
use crate::cli::{Colour, Format};
use crate::monitor::Monitor;
use crate::output_file::OutputFile;
use crate::terminal;

/// Takes what a run says.
pub(crate) struct Voice<'a> {
    destination: Destination,
    format: Format,
    coloured: bool,
    verbose: bool,
    quiet: bool,
    sources: &'a Sources,
    /// The view of the run, if there is one.
    monitor: Option<Monitor>,
    /// The start of a line whose end has not come, in JSON.
    line: Vec<u8>,
}

/// Where output goes.
pub(crate) enum Destination {
    Stdout(io::Stdout),
    File(OutputFile),
}

impl Destination {
    /// The file that is written to, if it is one.
    fn path(&self) -> Option<&std::path::Path> {
        match self {
            Destination::Stdout(_) => None,
            Destination::File(file) => file.path(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Destination::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
            Destination::File(file) => file.write(bytes),
        }
    }
}

impl<'a> Voice<'a> {
    pub(crate) fn new(
        destination: Destination,
        (format, colour): (Format, Colour),
        (verbose, quiet): (bool, bool),
        sources: &'a Sources,
    ) -> Self {
        let coloured = terminal::coloured(colour);
        Voice { destination, format, coloured, verbose, quiet, sources, monitor: None, line: vec![] }
    }

    /// The same with a view of the run.
    pub(crate) fn with_monitor(self, monitor: Option<Monitor>) -> Self {
        Voice { monitor, ..self }
    }

    /// Writes one JSON object as a line of output.
    pub(crate) fn object(&mut self, object: &serde_json::Value) -> io::Result<()> {
        let mut line = object.to_string().into_bytes();
        line.push(b'\n');
        self.destination.write(&line)
    }

    /// Writes what is left of a line without an end.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        self.object(&output_object(&line))
    }

    fn place(&self, span: Span) -> (String, u32, u32) {
        let place = self.sources.place(span);
        (self.sources.file(span.file).name.clone(), place.line, place.column)
    }

    fn say(&mut self, text: &str) {
        let (on, off) = if self.coloured { ("\x1b[1;33m", "\x1b[0m") } else { ("", "") };
        self.tell(&format!("{on}WARNING:{off} {text}\n"));
    }

    /// Has people read it: on the view if it is over standard error.
    fn tell(&mut self, text: &str) {
        if !self.monitor.as_mut().is_some_and(|monitor| monitor.say(text.as_bytes())) {
            terminal::write_to_stderr(text.as_bytes());
        }
    }
}

/// A piece of output as an object: its text, or its bytes where it is not UTF-8, so that nothing is lost.
fn output_object(piece: &[u8]) -> serde_json::Value {
    match std::str::from_utf8(piece) {
        Ok(text) => json!({"type": "output", "text": text}),
        Err(_) => json!({"type": "output", "bytes": piece}),
    }
}

impl Sink for Voice<'_> {
    fn output(&mut self, text: &[u8]) -> io::Result<()> {
        if let (Some(monitor), Destination::Stdout(_)) = (&mut self.monitor, &self.destination)
            && monitor.output(text)
        {
            return Ok(());
        }
        if self.format == Format::Text {
            return self.destination.write(text);
        }
        let mut out = vec![];
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                out.extend_from_slice(output_object(&self.line).to_string().as_bytes());
                out.push(b'\n');
                self.line.clear();
            }
        }
        self.destination.write(&out)
    }

    fn warning(&mut self, notice: &Notice) {
        match (self.format, notice) {
            (Format::Json, notice) => {
                // A broken output is found, and told, by the next piece of output.
                _ = self.object(&json!({"type": "warning", "message": notice.to_string()}));
            }
            (Format::Text, Notice::Script(text)) => self.say(&String::from_utf8_lossy(text)),
            // Nothing is wrong.
            (Format::Text, Notice::Files { .. }) => self.tell(&terminal::complaint(&notice.to_string())),
            (Format::Text, notice) if !self.quiet => self.say(&notice.to_string()),
            (Format::Text, _) => {}
        }
    }

    fn error(&mut self, error: &RuntimeReport) {
        if self.format == Format::Json {
            let (file, line, column) = self.place(error.span);
            let object = json!({
                "type": "error", "message": error.sentence, "point": error.point,
                "file": file, "line": line, "column": column,
            });
            _ = self.object(&object);
            return;
        }
        let diagnostic = Diagnostic::error("run-time-error", error.span, error.sentence.clone())
            .with_note(format!("in the handler of `{}`", error.point));
        let mut text = render::terminal(&diagnostic, self.sources, self.coloured);
        text.push('\n');
        self.tell(&text);
    }

    fn trace(&mut self, step: &Step) {
        if matches!(step, Step::Armed { .. }) {
            background::armed(self.destination.path());
        }
        if !self.verbose {
            return;
        }
        let text = match step {
            Step::Loaded { maps, programs, took } => {
                format!("loaded {maps} maps and {programs} programs in {took:.1?}")
            }
            Step::ByKprobe { points, reason } => {
                format!("{} by a kprobe, not by type (fentry): {reason}", points.join(", "))
            }
            Step::Attached { links, took } => format!("attached {links} in {took:.1?}"),
            // What was attached has been told, if anything was.
            Step::Armed { .. } => return,
            Step::Started { pid } => format!("started the command, process {pid}"),
            Step::Signalled(signal) => format!("got {signal}"),
            Step::Detached { took } => format!("detached in {took:.1?}"),
        };
        self.tell(&terminal::complaint(&text));
    }

    fn viewer(&mut self) -> Option<&mut dyn Viewer> {
        self.monitor.as_mut().map(|monitor| monitor as &mut dyn Viewer)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.destination {
            Destination::Stdout(stdout) => Some(stdout.as_fd()),
            Destination::File(file) => Some(file.file().as_fd()),
        }
    }
}
