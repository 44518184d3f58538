//! What a run came to, for people and as JSON: losses in any case, everything with `--summary`.

use serde_json::json;
use systap_diagnostics::Sources;
use systap_runtime::{End, Excess, Report, Side};

/// Why a run ended, as one word for programs.
fn word(end: End) -> &'static str {
    match end {
        End::Exit => "exit",
        End::Aborted => "aborted",
        End::Interrupted => "interrupted",
        End::Forced => "forced",
        End::TimeLimit => "time-limit",
        End::TargetEnded => "target-ended",
        End::Error => "error",
        End::OutputClosed => "output-closed",
    }
}

/// The last line of JSON output.
pub(crate) fn object(report: &Report) -> serde_json::Value {
    let probes: Vec<_> = report
        .probes
        .iter()
        .map(|probe| {
            let side = if probe.side == Side::Kernel { "kernel" } else { "user" };
            json!({"point": probe.point, "side": side, "hits": probe.hits, "skipped": probe.skipped, "missed": probe.missed})
        })
        .collect();
    let lost: Vec<_> = report.lost.iter().map(|loss| json!({"point": loss.point, "records": loss.records})).collect();
    let programs = report.programs.iter().map(|program| {
        json!({"points": program.points, "recursion_misses": program.recursion_misses, "kprobe_misses": program.missed})
    });
    let programs: Vec<_> = programs.collect();
    let excess = report.excess.map(|excess| match excess {
        Excess::Skipped => "skipped",
        Excess::Overload { .. } => "overload",
    });
    json!({
        "type": "end", "reason": word(report.end), "errors": report.errors, "excess": excess,
        "records_lost": report.lost_records(), "hits_missed": report.missed_hits(),
        "lost": lost, "probes": probes, "programs": programs,
    })
}

/// What must be said in any case: what was not delivered, by place.
pub(crate) fn losses(report: &Report, sources: &Sources) -> String {
    let mut text = String::new();
    for loss in &report.lost {
        let place = sources.place(loss.span);
        text += &format!(
            "WARNING: {} records of `{}` at {}:{}:{} were lost, and what it prints or adds up is short by them; a larger --kernel-buffer holds more\n",
            loss.records,
            loss.point,
            sources.file(loss.span.file).name,
            place.line,
            place.column
        );
    }
    if report.abandoned > 0 {
        text += &format!("WARNING: {} records were given up when the run was aborted\n", report.abandoned);
    }
    if report.malformed > 0 {
        text += &format!("WARNING: {} records could not be read: a mistake in systap\n", report.malformed);
    }
    for (array, times) in &report.arrays_full {
        text += &format!(
            "WARNING: `{array}` had no room {times} times; give it a size (`global {array}[10000]`) or -D MAXMAPENTRIES=10000\n"
        );
    }
    let missed = report.missed_hits();
    match report.excess {
        Some(Excess::Skipped) => {
            text += "ERROR: Skipped too many probes, check MAXSKIPPED or try again with --summary for more details.\n";
        }
        Some(Excess::Overload { spent, allowed, interval }) => {
            text += &format!(
                "ERROR: probe overhead ({spent} cycles) exceeded threshold ({allowed} cycles) in last {interval} cycles\n"
            );
        }
        None => {}
    }
    if report.errors > 0 || missed > 0 {
        text += &format!("WARNING: Number of errors: {}, skipped probes: {missed}\n", report.errors);
    }
    if missed > 0 {
        text +=
            &format!("WARNING: {missed} hits were skipped, since a handler was running on that CPU (see --summary)\n");
    }
    text
}

/// What `-t` of SystemTap's command line tells: how often each probe ran that did. Cycles are not counted.
pub(crate) fn hits(report: &Report, sources: &Sources) -> String {
    let mut text = "----- probe hit report: \n".to_owned();
    for (index, probe) in report.probes.iter().enumerate() {
        let Some(hits) = probe.hits.filter(|hits| *hits > 0) else { continue };
        let (place, file) = (sources.place(probe.span), &sources.file(probe.span.file).name);
        let from = sources.text(probe.span);
        text += &format!(
            "{}, ({file}:{}:{}), hits: {hits}, from: {from}, index: {index}\n",
            probe.point, place.line, place.column
        );
    }
    text
}

/// The table of `--summary`.
pub(crate) fn table(report: &Report) -> String {
    let count = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let mut rows = vec![["probe", "side", "hits", "skipped", "missed"].map(str::to_owned)];
    for probe in &report.probes {
        let side = if probe.side == Side::Kernel { "kernel" } else { "user" };
        rows.push([
            probe.point.clone(),
            side.to_owned(),
            count(probe.hits),
            probe.skipped.to_string(),
            count(probe.missed),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3), width(4)];
    let mut text = String::new();
    for [probe, side, hits, skipped, missed] in &rows {
        let [first, second, third, fourth, fifth] = widths;
        text += &format!("{probe:first$}  {side:second$}  {hits:>third$}  {skipped:>fourth$}  {missed:>fifth$}\n");
    }
    for program in &report.programs {
        let points = program.points.join(", ");
        if program.recursion_misses > 0 {
            text += &format!("{points} missed {} hits while it was running\n", program.recursion_misses);
        }
        if program.missed > 0 {
            text += &format!("{points}: the kernel missed {} hits of its kprobes\n", program.missed);
        }
    }
    let timing = &report.timing;
    text += &format!(
        "records lost: {}; errors: {}; armed after {:.1?} (loading {:.1?}, attaching {:.1?}); ended by {}\n",
        report.lost_records(),
        report.errors,
        timing.armed,
        timing.load,
        timing.attach,
        word(report.end)
    );
    text
}
