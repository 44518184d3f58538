//! What the view shows and what keys make of it: which pane is chosen, how far each is scrolled, by what probes are sorted.
//!
//! Must never touch the run: what a key asks of it is given back as an order.

use std::collections::BTreeSet;
use std::time::Instant;

use systap_runtime::{Order, ProbeView, View};

use super::keys::Key;
use super::scroll::Scroll;

/// A part of the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pane {
    Probes,
    Globals,
    Output,
}

/// What probes are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Index,
    State,
    Hits,
    Skipped,
    Lost,
    Time,
    Point,
}

impl Column {
    pub(crate) const ALL: [Column; 7] =
        [Column::Index, Column::State, Column::Hits, Column::Skipped, Column::Lost, Column::Time, Column::Point];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Column::Index => "index",
            Column::State => "state",
            Column::Hits => "hits",
            Column::Skipped => "skipped",
            Column::Lost => "lost",
            Column::Time => "time/hit",
            Column::Point => "probe",
        }
    }

    fn next(self) -> Column {
        let at = Column::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Column::ALL[(at + 1) % Column::ALL.len()]
    }
}

/// What is shown.
pub(crate) struct State {
    /// The script's name.
    pub(crate) script: String,
    /// The kernel's release.
    pub(crate) kernel: String,
    pub(crate) begun: Instant,
    pub(crate) view: View,
    pub(crate) output: Scroll,
    /// Whether output has a pane: it has none if it goes into a file.
    pub(crate) has_output: bool,
    pub(crate) chosen: Pane,
    pub(crate) hidden: BTreeSet<Pane>,
    pub(crate) sorted_by: Column,
    /// The row of the table.
    pub(crate) row: usize,
    /// The first row of the table that is drawn.
    pub(crate) first_row: usize,
    /// The first line of the globals.
    pub(crate) first_global: usize,
    /// The first line of output, by its number; `None`: the last ones, whatever comes.
    pub(crate) first_line: Option<usize>,
    /// Output is as it was when this many lines had come.
    pub(crate) paused: Option<usize>,
    /// The index of a probe that is being typed.
    pub(crate) typed: Option<String>,
    pub(crate) helps: bool,
    /// How many lines the pane of output, and the chosen one, had when they were drawn.
    pub(crate) heights: (usize, usize),
    /// How many lines of globals there are.
    pub(crate) globals: usize,
    /// What is on the terminal may not be what was drawn.
    pub(crate) stale: bool,
}

impl State {
    pub(crate) fn new(script: String, kernel: String, has_output: bool) -> Self {
        State {
            script,
            kernel,
            begun: Instant::now(),
            view: View::default(),
            output: Scroll::default(),
            has_output,
            chosen: Pane::Probes,
            hidden: BTreeSet::new(),
            sorted_by: Column::Index,
            row: 0,
            first_row: 0,
            first_global: 0,
            first_line: None,
            paused: None,
            typed: None,
            helps: false,
            heights: (1, 1),
            globals: 0,
            stale: false,
        }
    }

    /// The panes that there are.
    pub(crate) fn panes(&self) -> Vec<Pane> {
        let all = [Pane::Probes, Pane::Globals, Pane::Output];
        let wanted = |pane: &Pane| match pane {
            Pane::Globals => !self.view.globals.is_empty(),
            Pane::Output => self.has_output,
            Pane::Probes => true,
        };
        all.into_iter().filter(wanted).collect()
    }

    /// The panes that are shown.
    pub(crate) fn shown(&self) -> Vec<Pane> {
        self.panes().into_iter().filter(|pane| !self.hidden.contains(pane)).collect()
    }

    /// The probes in the order of the table: numbers from the greatest, what is the same by index.
    pub(crate) fn sorted(&self) -> Vec<&ProbeView> {
        let mut probes: Vec<&ProbeView> = self.view.probes.iter().collect();
        let greatest_first = |number: u64| std::cmp::Reverse(number);
        match self.sorted_by {
            Column::Index => {}
            Column::State => probes.sort_by_key(|probe| !probe.on),
            Column::Hits => probes.sort_by_key(|probe| greatest_first(probe.report.hits.unwrap_or(0))),
            Column::Skipped => probes.sort_by_key(|probe| greatest_first(skipped(probe))),
            Column::Lost => probes.sort_by_key(|probe| greatest_first(probe.lost)),
            Column::Time => probes.sort_by_key(|probe| std::cmp::Reverse(probe.time)),
            Column::Point => probes.sort_by(|left, right| left.report.point.cmp(&right.report.point)),
        }
        probes
    }

    /// The lines of output that can be seen: up to where it is paused.
    pub(crate) fn end_of_output(&self) -> usize {
        self.paused.unwrap_or(self.output.end()).max(self.output.first())
    }

    /// Does what a key says; gives what it asks of the run.
    pub(crate) fn press(&mut self, key: Key) -> Option<Order> {
        if self.helps {
            self.helps = false;
            return None;
        }
        if let Some(typed) = &mut self.typed {
            match key {
                Key::Char(digit @ '0'..='9') if typed.len() < 9 => typed.push(digit),
                Key::Backspace => _ = typed.pop(),
                Key::Enter => return self.toggled(),
                Key::Escape | Key::Char('q') => self.typed = None,
                _ => self.scroll(key),
            }
            return None;
        }
        match key {
            Key::Char('q') => return Some(Order::Quit),
            Key::Char('c') => return Some(Order::Reset),
            Key::Char('s') => self.sorted_by = self.sorted_by.next(),
            Key::Char('t') => self.typed = Some(String::new()),
            Key::Char('p') => self.paused = self.paused.or(Some(self.output.end())),
            Key::Char('r') => (self.paused, self.first_line) = (None, None),
            Key::Char('x') => self.hide(),
            Key::Char('?' | 'h') => self.helps = true,
            Key::Char('\x0c') => {
                self.stale = true;
                return Some(Order::Look);
            }
            Key::Tab => self.choose(1),
            Key::BackTab => self.choose(-1),
            _ => self.scroll(key),
        }
        None
    }

    /// The probe that was typed, or that of the chosen row.
    fn toggled(&mut self) -> Option<Order> {
        let typed = self.typed.take()?;
        if typed.is_empty() {
            return self.sorted().get(self.row).map(|probe| Order::Toggle(probe.index));
        }
        let index = typed.parse().ok()?;
        let known = self.view.probes.iter().any(|probe| probe.index == index);
        known.then_some(Order::Toggle(index))
    }

    /// Hides the chosen pane; all are shown again when it is the last.
    fn hide(&mut self) {
        self.hidden.insert(self.chosen);
        if self.shown().is_empty() {
            self.hidden.clear();
        }
        self.keep_chosen_shown();
    }

    /// Chooses another pane if the chosen one is not there.
    pub(crate) fn keep_chosen_shown(&mut self) {
        let shown = self.shown();
        if !shown.contains(&self.chosen) {
            self.chosen = shown.first().copied().unwrap_or(Pane::Probes);
        }
    }

    fn choose(&mut self, by: isize) {
        let shown = self.shown();
        let at = shown.iter().position(|pane| *pane == self.chosen).unwrap_or(0);
        let next = (at as isize + by).rem_euclid(shown.len().max(1) as isize);
        self.chosen = shown.get(next as usize).copied().unwrap_or(self.chosen);
    }

    fn scroll(&mut self, key: Key) {
        let (output_height, height) = self.heights;
        let page = height.max(1) as isize;
        let by = match key {
            Key::Up => -1,
            Key::Down => 1,
            Key::PageUp => -page,
            Key::PageDown => page,
            Key::Home => isize::MIN,
            Key::End => isize::MAX,
            _ => return,
        };
        let moved = |from: usize, last: usize| from.saturating_add_signed(by).min(last);
        match self.chosen {
            Pane::Probes => self.row = moved(self.row, self.view.probes.len().saturating_sub(1)),
            Pane::Globals => self.first_global = moved(self.first_global, self.globals.saturating_sub(height)),
            Pane::Output => {
                let last = self.end_of_output().saturating_sub(output_height).max(self.output.first());
                let first = moved(self.first_line.unwrap_or(last), last).max(self.output.first());
                self.first_line = (first < last).then_some(first);
            }
        }
    }
}

/// Hits of a probe that it did not run at.
pub(crate) fn skipped(probe: &ProbeView) -> u64 {
    probe.report.skipped + probe.report.missed.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::{FileId, Span};
    use systap_runtime::{ProbeReport, Side};

    fn state() -> State {
        let probe = |(index, hits): (usize, u64)| ProbeView {
            index,
            report: ProbeReport {
                point: format!("point.{index}"),
                span: Span::new(FileId(0), 0, 0),
                side: Side::User,
                hits: Some(hits),
                skipped: 0,
                missed: None,
            },
            on: true,
            lost: 0,
            time: None,
        };
        let mut state = State::new("a.stp".to_owned(), "6.1".to_owned(), true);
        state.view.probes = [(0, 5), (1, 50), (3, 7)].map(probe).into();
        state
    }

    fn indexes(state: &State) -> Vec<usize> {
        state.sorted().iter().map(|probe| probe.index).collect()
    }

    #[test]
    fn probes_are_sorted_by_the_next_column() {
        let mut state = state();
        assert_eq!(indexes(&state), [0, 1, 3]);
        while state.sorted_by != Column::Hits {
            assert_eq!(state.press(Key::Char('s')), None);
        }
        assert_eq!(indexes(&state), [1, 3, 0]);
    }

    #[test]
    fn a_probe_is_toggled_by_its_index_or_its_row() {
        let mut state = state();
        let mut keys = |keys: &[Key]| keys.iter().filter_map(|key| state.press(*key)).collect::<Vec<_>>();
        use Key::{Char, Down, Enter, Escape};
        assert_eq!(keys(&[Char('t'), Char('3'), Enter]), [Order::Toggle(3)]);
        assert_eq!(keys(&[Char('t'), Char('2'), Enter]), []);
        assert_eq!(keys(&[Char('t'), Char('1'), Escape, Enter]), []);
        assert_eq!(keys(&[Down, Down, Down, Char('t'), Enter]), [Order::Toggle(3)]);
    }

    #[test]
    fn panes_are_hidden_one_by_one_and_then_come_back() {
        let mut state = state();
        assert_eq!(state.shown(), [Pane::Probes, Pane::Output]);
        state.press(Key::Tab);
        assert_eq!(state.chosen, Pane::Output);
        state.press(Key::Char('x'));
        assert_eq!((state.shown(), state.chosen), (vec![Pane::Probes], Pane::Probes));
        state.press(Key::Char('x'));
        assert_eq!(state.shown(), [Pane::Probes, Pane::Output]);
    }

    #[test]
    fn output_stands_still_while_it_is_paused_or_scrolled() {
        let mut state = state();
        state.output.push(b"1\n2\n3\n4\n");
        state.heights = (2, 2);
        state.chosen = Pane::Output;
        state.press(Key::Up);
        assert_eq!(state.first_line, Some(1));
        state.press(Key::PageDown);
        assert_eq!(state.first_line, None);
        state.press(Key::Char('p'));
        state.output.push(b"5\n");
        assert_eq!(state.end_of_output(), 4);
        state.press(Key::Char('r'));
        assert_eq!(state.end_of_output(), 5);
    }
}
