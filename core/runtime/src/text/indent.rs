//! What `thread_indent` and `indent` remember: how deep each thread is, and when it was last at the outermost level. It
//! must never ask a clock: times are given.

use std::collections::HashMap;

/// The depths of a run.
#[derive(Debug, Default)]
pub struct Indents {
    threads: HashMap<i64, Depth>,
    whole: Depth,
}

#[derive(Clone, Copy, Debug, Default)]
struct Depth {
    level: i64,
    since: i64,
}

/// Deeper levels are kept but not shown deeper than this.
const GREATEST: i64 = 256;

impl Depth {
    /// Moves by `delta`; gives the microseconds since the outermost level was entered, and how many spaces to write:
    /// those of the inner level both on the way in and on the way out, so that the lines of a call and its return
    /// align.
    fn step(&mut self, delta: i64, microseconds: i64) -> (i64, usize) {
        if self.level == 0 {
            self.since = microseconds;
        }
        let before = self.level;
        self.level = self.level.saturating_add(delta).max(0);
        let inner = if delta < 0 { before } else { self.level };
        (microseconds.wrapping_sub(self.since), (inner - 1).clamp(0, GREATEST) as usize)
    }
}

impl Indents {
    /// `thread_indent(delta)`: microseconds since the thread's outermost level, `execname(tid):`, spaces.
    pub fn thread(&mut self, delta: i64, tid: i64, execname: &[u8], microseconds: i64) -> Vec<u8> {
        let depth = self.threads.entry(tid).or_default();
        let (elapsed, spaces) = depth.step(delta, microseconds);
        if depth.level == 0 && delta < 0 {
            // Threads end, and a later one may have the same number.
            self.threads.remove(&tid);
        }
        let mut line = format!("{elapsed:6} ").into_bytes();
        line.extend_from_slice(execname);
        line.extend_from_slice(format!("({tid}):").as_bytes());
        line.resize(line.len() + spaces, b' ');
        line
    }

    /// `indent(delta)`: microseconds since the outermost level, a colon, spaces.
    pub fn whole(&mut self, delta: i64, microseconds: i64) -> Vec<u8> {
        let (elapsed, spaces) = self.whole.step(delta, microseconds);
        let mut line = format!("{elapsed:6}:").into_bytes();
        line.resize(line.len() + spaces, b' ');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_returns_align() {
        let mut indents = Indents::default();
        let mut lines = vec![];
        for (delta, tid, at, word) in [
            (1, 7, 1000, "-> a"),
            (1, 7, 1005, "-> b"),
            (1, 8, 1006, "-> a"),
            (-1, 7, 1010, "<- b"),
            (-1, 7, 1100, "<- a"),
            (1, 7, 5000, "-> a"),
            (-1, 8, 1_001_006, "<- a"),
            (-1, 9, 6000, "<- lost"),
        ] {
            lines.push(format!("{}{word}", String::from_utf8(indents.thread(delta, tid, b"sh", at)).unwrap()));
        }
        insta::assert_snapshot!(lines.join("\n"), @r#"
             0 sh(7):-> a
             5 sh(7): -> b
             0 sh(8):-> a
            10 sh(7): <- b
           100 sh(7):<- a
             0 sh(7):-> a
        1000000 sh(8):<- a
             0 sh(9):<- lost
        "#);
    }

    #[test]
    fn without_threads() {
        let mut indents = Indents::default();
        let lines = [(1, 10), (1, 12), (0, 13), (-1, 14), (-1, 15), (0, 99)]
            .map(|(delta, at)| String::from_utf8(indents.whole(delta, at)).unwrap());
        assert_eq!(lines, ["     0:", "     2: ", "     3: ", "     4: ", "     5:", "     0:"]);
    }

    #[test]
    fn absurd_steps_do_no_harm() {
        let mut indents = Indents::default();
        indents.whole(i64::MAX, i64::MIN);
        assert!(indents.whole(i64::MAX, i64::MAX).len() < 300);
        indents.whole(i64::MIN, 0);
        assert_eq!(indents.whole(0, 3), b"     0:");
    }
}
