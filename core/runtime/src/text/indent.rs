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
        (microseconds.wrapping_sub(self.since), self.around(delta).min(GREATEST) as usize)
    }

    /// Moves by `delta`; gives how many levels are around the inner one of the two.
    fn around(&mut self, delta: i64) -> i64 {
        let before = self.level;
        self.level = self.level.saturating_add(delta).max(0);
        let inner = if delta < 0 { before } else { self.level };
        (inner - 1).max(0)
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

    /// `thread_indent_depth(delta)`: how many levels are around the one that is entered or left.
    pub fn thread_depth(&mut self, delta: i64, tid: i64) -> i64 {
        let depth = self.threads.entry(tid).or_default();
        let around = depth.around(delta);
        if depth.level == 0 && delta < 0 {
            self.threads.remove(&tid);
        }
        around
    }

    /// `indent_depth(delta)`: the same without threads.
    pub fn whole_depth(&mut self, delta: i64) -> i64 {
        self.whole.around(delta)
    }

    /// `indent(delta)`: microseconds since the outermost level, a blank, a colon, spaces.
    pub fn whole(&mut self, delta: i64, microseconds: i64) -> Vec<u8> {
        let (elapsed, spaces) = self.whole.step(delta, microseconds);
        let mut line = format!("{elapsed:6} :").into_bytes();
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
        assert_eq!(lines, ["     0 :", "     2 : ", "     3 : ", "     4 : ", "     5 :", "     0 :"]);
    }

    #[test]
    fn depths_are_those_of_the_lines() {
        let mut indents = Indents::default();
        let depths = [1, 1, 0, 1, -1, -1, -1, -1, 2].map(|delta| indents.thread_depth(delta, 7));
        assert_eq!(depths, [0, 1, 1, 2, 2, 1, 0, 0, 1]);
        assert_eq!([1, 1, -1].map(|delta| indents.whole_depth(delta)), [0, 1, 1]);
        assert_eq!(indents.whole(1, 0), b"     0 : ");
    }

    #[test]
    fn absurd_steps_do_no_harm() {
        let mut indents = Indents::default();
        indents.whole(i64::MAX, i64::MIN);
        assert!(indents.whole(i64::MAX, i64::MAX).len() < 300);
        indents.whole(i64::MIN, 0);
        assert_eq!(indents.whole(0, 3), b"     0 :");
        assert_eq!(indents.thread_depth(i64::MAX, 1), i64::MAX - 1);
        assert_eq!(indents.thread_depth(i64::MIN, 1), i64::MAX - 1);
        assert_eq!(indents.thread_depth(0, 1), 0);
    }
}
