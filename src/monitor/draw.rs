//! The view as it is drawn: a line about the run, its panes, a line about keys.
//!
//! Must never change what is shown, but for how far it is scrolled where the terminal has another size.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState};

use super::globals;
use super::state::{Column, Pane, State, skipped};

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

const HELP: &[&str] = &[
    "q          end the run, as Ctrl-C does; `end` probes run",
    "c          every global as it was before the run",
    "s          sort probes by the next column",
    "t          a probe on or off: its index and Enter, or Enter alone",
    "           for the chosen row",
    "p, r       let output stand still; have it go on",
    "x          hide the chosen pane; the last one: show all",
    "Tab        choose the next pane",
    "arrows, page keys, Home, End   scroll the chosen pane",
    "Ctrl-L     draw anew",
];

/// Draws all of it.
pub(crate) fn draw(state: &mut State, frame: &mut Frame<'_>) {
    state.keep_chosen_shown();
    let [top, body, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Line::from(title(state)).style(CHOSEN), top);
    let lines = globals::lines(&state.view.globals);
    state.globals = lines.len();
    let shown = state.shown();
    let areas = Layout::vertical(heights(state, &shown, body.height)).split(body);
    for (pane, area) in shown.iter().zip(areas.iter()) {
        let height = usize::from(area.height.saturating_sub(2));
        if *pane == state.chosen {
            // The table has a line of names.
            state.heights.1 = if *pane == Pane::Probes { height.saturating_sub(1) } else { height };
        }
        match pane {
            Pane::Probes => probes(state, frame, *area),
            Pane::Globals => {
                state.first_global = state.first_global.min(lines.len().saturating_sub(height));
                let shown = lines.iter().skip(state.first_global).take(height).map(|line| Line::raw(line.as_str()));
                let block = block(state, Pane::Globals, &format!("globals ({})", state.view.globals.len()));
                frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()).block(block), *area);
            }
            Pane::Output => output(state, frame, *area, height),
        }
    }
    frame.render_widget(keys(state), bottom);
    if state.helps {
        help(frame);
    }
}

fn title(state: &State) -> String {
    let seconds = state.begun.elapsed().as_secs();
    let mut text = format!(
        " {}  {:02}:{:02}:{:02}  Linux {}",
        state.script,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        state.kernel
    );
    for (number, noun) in [(state.view.lost, "records lost"), (state.view.errors, "errors")] {
        if number > 0 {
            text += &format!("  {noun}: {number}");
        }
    }
    text
}

/// As much as the table and the globals need, as long as output has a part of it.
fn heights(state: &State, shown: &[Pane], all: u16) -> Vec<Constraint> {
    let content = |pane: Pane| match pane {
        Pane::Probes => state.view.probes.len() + 3,
        Pane::Globals => state.globals + 2,
        Pane::Output => 0,
    };
    let share = all / shown.len().max(1) as u16;
    let last = shown.len().saturating_sub(1);
    let height = |(at, pane): (usize, &Pane)| {
        if at == last {
            return Constraint::Fill(1);
        }
        Constraint::Length(u16::try_from(content(*pane)).unwrap_or(u16::MAX).min(share.max(3)))
    };
    shown.iter().enumerate().map(height).collect()
}

fn block<'b>(state: &State, pane: Pane, title: &str) -> Block<'b> {
    let style = if state.chosen == pane { CHOSEN } else { BOLD };
    Block::bordered().title(Span::styled(format!(" {title} "), style))
}

fn probes(state: &mut State, frame: &mut Frame<'_>, area: Rect) {
    let name = |column: Column| {
        let mark = if column == state.sorted_by { "*" } else { "" };
        format!("{mark}{}", column.name())
    };
    let right = |text: String| Line::raw(text).right_aligned();
    let header = Column::ALL.map(|column| match column {
        Column::State | Column::Point => Line::raw(name(column)),
        _ => right(name(column)),
    });
    let row = |probe: &&systap_runtime::ProbeView| {
        let known = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        Row::new([
            right(probe.index.to_string()),
            Line::raw(if probe.on { "on" } else { "off" }),
            right(known(probe.report.hits.map(|hits| hits.to_string()))),
            right(skipped(probe).to_string()),
            right(probe.lost.to_string()),
            right(known(probe.time.map(|time| format!("{time:.1?}")))),
            Line::raw(probe.report.point.clone()),
        ])
    };
    let rows: Vec<Row<'_>> = state.sorted().iter().map(row).collect();
    let count = rows.len();
    let widths = [6, 6, 12, 9, 9, 10].map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]);
    let table = Table::new(rows, widths)
        .header(Row::new(header).style(BOLD))
        .block(block(state, Pane::Probes, &format!("probes ({count})")))
        .row_highlight_style(if state.chosen == Pane::Probes { CHOSEN } else { Style::new() });
    state.row = state.row.min(count.saturating_sub(1));
    let mut at = TableState::new().with_offset(state.first_row).with_selected(Some(state.row));
    frame.render_stateful_widget(table, area, &mut at);
    state.first_row = at.offset();
}

fn output(state: &mut State, frame: &mut Frame<'_>, area: Rect, height: usize) {
    state.heights.0 = height;
    let end = state.end_of_output();
    let last = end.saturating_sub(height).max(state.output.first());
    let first = state.first_line.map_or(last, |first| first.clamp(state.output.first(), last));
    let lines = state.output.lines(first, height.min(end - first)).into_iter().map(Line::raw);
    let more = state.output.end() - end;
    let mut title = "output".to_owned();
    if state.paused.is_some() {
        title += &format!(", paused, {more} more lines");
    } else if first < last {
        title += &format!(", {} lines further down", last - first);
    }
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block(state, Pane::Output, &title)), area);
    if state.paused.is_none() {
        state.output.note_shown();
    }
}

fn keys(state: &State) -> Line<'static> {
    if let Some(typed) = &state.typed {
        let sorted = state.sorted();
        let row = sorted.get(state.row).map_or(String::new(), |probe| format!(" [{}]", probe.index));
        return Line::from(format!(" index of the probe to switch{row}: {typed}_")).style(BOLD);
    }
    Line::raw(" q quit  c reset  s sort  t switch  p pause  r resume  x hide  Tab pane  ? help")
}

fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let width = HELP.iter().map(|line| line.len()).max().unwrap_or(0) as u16 + 4;
    let height = HELP.len() as u16 + 2;
    let [across] = Layout::horizontal([Constraint::Length(width)]).flex(ratatui::layout::Flex::Center).areas(area);
    let [popup] = Layout::vertical([Constraint::Length(height)]).flex(ratatui::layout::Flex::Center).areas(across);
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::raw(format!(" {line}"))).collect();
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), popup);
}
