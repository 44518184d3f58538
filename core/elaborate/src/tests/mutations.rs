//! Damaged scripts: whatever the parser makes of them, elaboration must end, and not in a panic.

use super::blob;
use crate::{Input, elaborate};
use systap_diagnostics::Sources;
use systap_syntax::{ParseOptions, parse};

const SCRIPTS: &[&str] = &[
    "global n, s[5], t%\nprobe syscall.{open,read}* if (n) { n++ s[pid(), execname()] <<< tid() t[1] = name . \"x\" }\n\
     probe end { foreach ([p, e] in s @max- limit 3) { println(p, @avg(s[p, e])) print(@hist_log(s[p, e])) } delete s }",
    "probe a = kernel.trace(\"sched_*\") ? { x = $p->parent->mm } , { println(x) }\nprobe a { x->users y = $p$$ z = &$p->comm }\n\
     probe kernel.trace(\"numbers\") { if (@defined($small->x)) println($small) println($$parms$, $name$) }",
    "function f:string(a:long, b) { if (a > 1) return f(a - 1, b) . \"y\" return sprintf(\"%d %s %5c\", a, b, a) }\n\
     function g(x) { try { return 1 / x } catch (m) { warn(m) } }\nprobe oneshot { println(f(3, \"q\"), g(0), user_int(1)) log(pp()) }",
    "global h\nprobe timer.s(1).randomize(2), timer.profile { h <<< jiffies() for (i = 0; i < 9; ++i) { while (i--) break } }\n\
     probe end { foreach (b in @hist_linear(h, 0, 10, 1) limit 2) printd(\",\", b, @hist_linear(h, 0, 10, 1)[b]) a = b ? \"c\" : sprint(1) }",
    "private global k, a[3]%\nfunction f(x):2 { x++ next }\nfunction f(x) { if (x) next foreach (i in a) g(i) return pp() . f(x - 1) }\n\
     private function g(i) { a[i] = $prev->pid unused = i k }\nfunction c(x) %{ /* stable */ %}\n%{ %}\n\
     probe kernel.trace(\"sched_switch\") { f(k) c(%{ 1 %}) $prev->pid = @probewrite(k) println(exit(), g(2)) }",
];

/// A generator with a fixed seed (xorshift64), so that a fault comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

#[test]
fn damaged_scripts_end_without_a_panic() {
    let kernel = blob::kernel();
    let words: Vec<&str> =
        SCRIPTS.iter().flat_map(|script| script.split_inclusive(|c: char| !c.is_alphanumeric())).collect();
    let mut random = Random(0x5eed_cafe_f00d_1234);
    for round in 0..3_000 {
        let mut tokens: Vec<&str> =
            SCRIPTS[round % SCRIPTS.len()].split_inclusive(|c: char| !c.is_alphanumeric()).collect();
        for _ in 0..=random.below(4) {
            let at = random.below(tokens.len());
            match random.below(3) {
                0 => tokens[at] = words[random.below(words.len())],
                1 => tokens.insert(at, words[random.below(words.len())]),
                _ => drop(tokens.remove(at)),
            }
        }
        let text = tokens.concat();
        let mut sources = Sources::default();
        let id = sources.add("t", text.as_str());
        let files = [parse(&mut sources, id, &ParseOptions::default()).file];
        let globals_override = vec![("n".to_string(), "1".to_string())];
        let programs = systap_binary::Programs::default();
        let input = Input::new(&files, &mut sources, &kernel, &programs);
        let elaborated = elaborate(Input { globals_override, advice: true, ..input });
        for finding in &elaborated.diagnostics {
            if let Some(span) = finding.span {
                assert!(span.end as usize <= sources.file(span.file).text.len(), "{text}");
            }
            assert!(!finding.message.ends_with('.') || finding.message.ends_with("..."), "{}", finding.message);
        }
        // The text form looks into everything: identifiers that are out of range would show.
        if elaborated.diagnostics.is_empty() {
            systap_ir::text::program(&elaborated.program);
        }
    }
}
