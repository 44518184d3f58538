//! A run as it stands between its beginning and its end: handlers are run, records delivered, errors counted.
//!
//! It must never attach, detach or wait: that is [`mod@crate::run`]'s and [`crate::watch`]'s.

use std::rc::Rc;
use std::time::{Duration, Instant};

use systap_bpf::artifact::{Artifact, Fault, Site, SiteKind};
use systap_diagnostics::Span;
use systap_ir::format::Format;
use systap_ir::graph::Body;
use systap_ir::placed::{Placed, control};
use systap_ir::program::{Event, Global};

use crate::counters::Counts;
use crate::excess::Watchdog;
use crate::faults::Faults;
use crate::load::Loaded;
use crate::record::{self, Fields, Malformed, Value};
use crate::report::{End, Excess};
use crate::sink::Notice;
use crate::store::MapStore;
use crate::text;
use crate::text::format::Operand;
use crate::user::{Datum, ErrorKind, Interpreter, RuntimeError};
use crate::world::{Handed, World};

/// A run.
pub(crate) struct Session<'a> {
    pub(crate) placed: &'a Placed,
    pub(crate) artifact: Option<&'a Artifact>,
    sites: &'a [Site],
    pub(crate) loaded: Option<&'a Loaded>,
    interpreter: Interpreter<'a>,
    pub(crate) store: MapStore<'a>,
    pub(crate) world: World<'a>,
    pub(crate) faults: Faults,
    /// How often each user-side handler ran.
    pub(crate) hits: Vec<u64>,
    /// The user-side handlers that are left out.
    pub(crate) off: Vec<bool>,
    /// How long each user-side handler took, if that is measured.
    pub(crate) times: Option<Vec<Duration>>,
    /// How many ticks of each user-side handler came too late.
    pub(crate) skipped: Vec<u64>,
    /// By program: hits that the kernel did not bring to it, as it says of the program's attachments.
    pub(crate) missed: Vec<u64>,
    /// Records without the form of their site.
    pub(crate) malformed: u64,
    /// Records that came after the run was given up.
    pub(crate) abandoned: u64,
    /// A continuation has ended the run: what was hit after it does not count any more.
    ended_late: bool,
    pub(crate) target_ended: bool,
    watchdog: Watchdog,
    /// What there is too much of.
    pub(crate) excess: Option<Excess>,
}

/// Fields of a record that need no allocation.
const FEW: usize = 12;

impl<'a> Session<'a> {
    pub(crate) fn new(
        placed: &'a Placed,
        artifact: Option<&'a Artifact>,
        loaded: Option<&'a Loaded>,
        store: MapStore<'a>,
        world: World<'a>,
        watchdog: Watchdog,
    ) -> Self {
        let globals: Rc<[Global]> = placed.globals.iter().map(|(global, _)| global.clone()).collect();
        let sites: &[Site] = artifact.map_or(&[], |artifact| &artifact.sites);
        Session {
            placed,
            artifact,
            sites,
            loaded,
            interpreter: Interpreter::new(&placed.functions, &placed.patterns, placed.limits)
                .with_globals(Rc::clone(&globals)),
            store,
            world,
            faults: Faults::new(globals, placed.limits),
            hits: vec![0; placed.user.len()],
            off: vec![false; placed.user.len()],
            times: None,
            skipped: vec![0; placed.user.len()],
            missed: vec![],
            malformed: 0,
            abandoned: 0,
            ended_late: false,
            target_ended: false,
            watchdog,
            excess: None,
        }
    }

    /// Whether the run has failed, so that its `error` handlers run and not its `end` handlers.
    pub(crate) fn has_failed(&self) -> bool {
        self.faults.are_too_many() || self.excess.is_some()
    }

    /// Whether to look for excess now and then.
    pub(crate) fn watches(&self) -> bool {
        self.watchdog.looks()
    }

    /// Looks whether there is too much of something; then the run is to end.
    pub(crate) fn look_for_excess(&mut self) {
        let (artifact, loaded) = (self.artifact, self.loaded);
        let excess = self.watchdog.look(loaded, || counts_of(artifact, loaded));
        if excess.is_some() && self.excess.is_none() {
            self.excess = excess;
            self.stop_kernel_side();
        }
    }

    /// Why the run is to end, if it is.
    pub(crate) fn end(&self) -> Option<End> {
        let ending = &self.world.ending;
        let reasons = [
            (ending.is_forced(), End::Forced),
            (ending.abort, End::Aborted),
            (self.has_failed(), End::Error),
            (ending.exit, End::Exit),
            (self.world.output.is_closed(), End::OutputClosed),
            (ending.signalled > 0, End::Interrupted),
            (ending.is_over(), End::TimeLimit),
            (self.target_ended, End::TargetEnded),
        ];
        reasons.into_iter().find_map(|(is, end)| is.then_some(end))
    }

    /// Whether nothing more may run, not even what belongs to an end.
    pub(crate) fn is_given_up(&self) -> bool {
        self.world.ending.abort || self.world.ending.is_forced()
    }

    /// Runs the user-side handlers that `order` gives a number for, in ascending order, those of one number in script
    /// order, for as long as `go_on` holds.
    pub(crate) fn run_ordered(&mut self, order: impl Fn(&Event) -> Option<i64>, go_on: impl Fn(&Self) -> bool) {
        let numbered = self.placed.user.iter().enumerate();
        let mut handlers: Vec<(i64, usize)> =
            numbered.filter_map(|(index, handler)| Some((order(&handler.event)?, index))).collect();
        handlers.sort_unstable();
        for (_, index) in handlers {
            if !go_on(self) {
                return;
            }
            self.run_user(index);
        }
    }

    /// Runs a user-side handler.
    pub(crate) fn run_user(&mut self, index: usize) {
        let placed = self.placed;
        if self.off.get(index).is_some_and(|off| *off) {
            return;
        }
        let start = self.times.is_some().then(Instant::now);
        if let (Some(handler), Some(hits)) = (placed.user.get(index), self.hits.get_mut(index)) {
            *hits += 1;
            self.interpreter.allow_as(&handler.event);
            self.run_body(&handler.body, &[], &handler.point);
        }
        let time = self.times.as_mut().and_then(|times| times.get_mut(index));
        if let (Some(start), Some(time)) = (start, time) {
            *time += start.elapsed();
        }
    }

    /// Runs a user-side handler that is told a text.
    pub(crate) fn hand(&mut self, index: usize, text: &[u8]) {
        // A string ends where a NUL is.
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        self.world.handed = Handed { text: text.to_vec(), most: 0, cut: false };
        self.run_user(index);
    }

    /// Runs a user-side handler that is asked for a text of at most so many bytes; gives it, and whether it was cut.
    pub(crate) fn ask(&mut self, index: usize, most: usize) -> (Vec<u8>, bool) {
        self.world.handed = Handed { text: vec![], most, cut: false };
        self.run_user(index);
        let Handed { text, cut, .. } = std::mem::take(&mut self.world.handed);
        (text, cut)
    }

    /// The probe point of a user-side handler.
    pub(crate) fn user_point(&self, index: usize) -> Option<&'a str> {
        self.placed.user.get(index).map(|handler| handler.point.as_str())
    }

    fn run_body(&mut self, body: &Body, args: &[Datum], point: &str) {
        match self.interpreter.run(body, args, &mut self.store, &mut self.world) {
            Ok(()) => {}
            Err(RuntimeError { kind: ErrorKind::Interrupted, span }) => {
                self.world.output.warning(&Notice::Stopped { point: point.to_owned(), span });
            }
            Err(error) => self.fault(error, point),
        }
        if self.world.ending.exit || self.world.ending.abort {
            self.stop_kernel_side();
        }
    }

    fn fault(&mut self, error: RuntimeError, point: &str) {
        if let Some(report) = self.faults.count(error, point) {
            self.world.output.error(report);
        }
        if self.faults.are_too_many() {
            self.stop_kernel_side();
        }
    }

    /// Kernel-side handlers do nothing more from now on, those that look at all.
    pub(crate) fn stop_kernel_side(&self) {
        if let Some(words) = self.loaded.and_then(|loaded| loaded.words.as_ref()) {
            words.store(control::STOP as usize, 1);
        }
    }

    /// Whether the kernel side has stopped itself, and this side has not heard why.
    pub(crate) fn has_stopped_unheard(&self) -> bool {
        let words = self.loaded.and_then(|loaded| loaded.words.as_ref());
        words.is_some_and(|words| words.load(control::STOP as usize) != 0) && self.end().is_none()
    }

    /// Ends the run as the kernel side wanted to, when the record that says so found no room.
    pub(crate) fn take_unheard_end(&mut self) {
        let lost = self.counts().lost;
        let sites = self.sites.iter().zip(lost).filter(|(_, lost)| *lost > 0);
        let mut fault = sites.filter_map(|(site, _)| match &site.kind {
            // What the error was about went with its record.
            SiteKind::Error(Fault::Message | Fault::Read(_) | Fault::ReadText(_) | Fault::ArrayRefused(_)) => {
                let sentence = &b"a run-time error, of which more found no room in the ring"[..];
                Some((site, ErrorKind::Message(sentence.into())))
            }
            SiteKind::Error(fault) => Some((site, ErrorKind::of_fault(fault, &[]))),
            _ => None,
        });
        if let Some((site, kind)) = fault.next_back() {
            self.fault(RuntimeError { kind, span: site.span }, self.point_of(site));
        }
        // Errors within MAXERRORS stop nothing: then it was an exit.
        if self.end().is_none() {
            self.world.ending.exit = true;
        }
    }

    /// The counts that the kernel side keeps, as they are now.
    pub(crate) fn counts(&self) -> Counts {
        counts_of(self.artifact, self.loaded)
    }

    /// Does what a record asks for.
    pub(crate) fn deliver(&mut self, bytes: &[u8]) {
        if self.ended_late {
            // Hits from after the end that a continuation asked for: they would not have happened, had it run at its hit.
        } else if self.is_given_up() {
            self.abandoned += 1;
        } else if let Err(error) = self.try_deliver(bytes) {
            self.malformed += 1;
            if self.malformed == 1 {
                self.world.output.warning(&Notice::Malformed { reason: error.to_string() });
            }
        }
    }

    fn try_deliver(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (number, _cpu, body) = record::header(bytes)?;
        let malformed = Malformed { bytes: bytes.len() };
        let site = self.sites.get(number as usize).ok_or(malformed)?;
        let fields = Fields::new(body, &site.fields)?;
        match &site.kind {
            SiteKind::Print(format) => self.print(format, site, fields)?,
            SiteKind::Continue(rest) => {
                let placed = self.placed;
                let continuation = placed.continuations.get(*rest as usize).ok_or(malformed)?;
                let args = self.data(fields)?;
                let handler = placed.kernel.get(continuation.handler).ok_or(malformed)?;
                self.interpreter.allow_as(&handler.event);
                self.world.after_hit = true;
                self.run_body(&continuation.body, &args, &handler.point);
                self.world.after_hit = false;
                let ending = &self.world.ending;
                self.ended_late = ending.exit || ending.abort || self.has_failed();
            }
            SiteKind::Exit => self.world.ending.exit = true,
            SiteKind::Error(fault) => {
                let kind = ErrorKind::of_fault(fault, &self.data(fields)?);
                self.fault(RuntimeError { kind, span: site.span }, self.point_of(site));
            }
        }
        Ok(())
    }

    fn print(&mut self, format: &Format, site: &Site, fields: Fields<'_, '_>) -> Result<(), Malformed> {
        let mut few = [Value::Long(0); FEW];
        let mut many = vec![];
        let values = take(fields, site.fields.len(), Value::Long(0), &mut few, &mut many)?;
        let mut texts = vec![];
        if !values.iter().all(is_plain) {
            texts.extend(values.iter().map(|value| self.rendered(value)));
        }
        let operands = values.iter().enumerate().map(|(field, value)| {
            Ok(match (value, texts.get(field)) {
                (Value::Long(long), _) => Operand::Long(*long),
                (Value::Text(text), _) => Operand::Text(text),
                (_, Some(text)) => Operand::Text(text),
                (_, None) => Operand::Text(&[]),
            })
        });
        let mut few = [Operand::Long(0); FEW];
        let mut many = vec![];
        let operands = take(operands, values.len(), Operand::Long(0), &mut few, &mut many)?;
        self.world.output.append(|buffer| text::format::render(format, operands, buffer));
        Ok(())
    }

    /// The fields of a record as values of the language.
    fn data(&self, fields: Fields<'_, '_>) -> Result<Vec<Datum>, Malformed> {
        let datum = |value: Value<'_>| match value {
            Value::Long(long) => Datum::Long(long),
            Value::Text(text) => Datum::text(text),
            raw => Datum::text(&self.rendered(&raw)),
        };
        fields.map(|value| value.map(datum)).collect()
    }

    /// The text of a value that travels as raw facts.
    fn rendered(&self, value: &Value<'_>) -> Vec<u8> {
        match value {
            Value::Long(_) | Value::Text(_) => vec![],
            Value::Caught { site, value } => match self.sites.get(*site as usize).map(|site| &site.kind) {
                Some(SiteKind::Error(fault)) => {
                    self.faults.message(&ErrorKind::of_fault(fault, &[Datum::Long(*value)]))
                }
                _ => vec![],
            },
            Value::Stack(addresses) => {
                // Where frame pointers end, a program's stack may have a zero.
                let addresses: Vec<u64> = addresses.iter().take_while(|address| *address != 0).collect();
                text::stack::hex(&addresses).into_bytes()
            }
            Value::Syscall(call) => {
                text::syscall::arguments(call.number(), &call.arguments(), &call.strings()).into_bytes()
            }
        }
    }

    fn point_of(&self, site: &Site) -> &'a str {
        self.placed.kernel.get(site.handler).map_or("", |handler| &handler.point)
    }

    /// The place and the probe point of a site, for a loss to be told by.
    pub(crate) fn place_of(&self, site: usize) -> Option<(Span, &'a str)> {
        let site = self.sites.get(site)?;
        Some((site.span, self.point_of(site)))
    }
}

fn counts_of(artifact: Option<&Artifact>, loaded: Option<&Loaded>) -> Counts {
    match (artifact, loaded) {
        (Some(artifact), Some(loaded)) => Counts::read(artifact, loaded),
        _ => Counts::default(),
    }
}

fn is_plain(value: &Value<'_>) -> bool {
    matches!(value, Value::Long(_) | Value::Text(_))
}

/// Collects `count` items into `few` if they fit there, else into `many`.
fn take<'m, T: Copy, E>(
    items: impl Iterator<Item = Result<T, E>>,
    count: usize,
    filler: T,
    few: &'m mut [T; FEW],
    many: &'m mut Vec<T>,
) -> Result<&'m [T], E> {
    let room = if count <= FEW {
        &mut few[..count]
    } else {
        many.resize(count, filler);
        &mut many[..]
    };
    for (place, item) in room.iter_mut().zip(items) {
        *place = item?;
    }
    Ok(room)
}
