//! Names: declarations, slips, what is used.

use super::{blob, check, findings, run};
use systap_diagnostics::Sources;
use systap_ir::program::{Constant, GlobalShape};

#[test]
fn declarations_that_collide() {
    check(
        "declarations_that_collide",
        &[
            "global a, b\nfunction f(x, x) { return 1 }\nfunction f(a, b) { return 2 }\nprobe begin { }",
            "global a = 7, c[5]\nprobe begin { c = 2 println(a) }",
            "%{ #include <linux/x.h> %}\nfunction c:long() %{ STAP_RETURN(1); %}\nprobe begin { println(c()) }",
        ],
    );
}

#[test]
fn slips_get_the_name_that_was_meant() {
    check(
        "slips_get_the_name_that_was_meant",
        &[
            "global count\nprobe begin { conut++ printf(\"%d\", cuont) printf(\"%d\", pid) printf(\"%s\", execnme) }",
            "global arr\nprobe begin { ar[1]++ arr[1] = 1 delete arrr if (1 in arrx) next }",
            "probe begin { total = 1 printf(\"%d\\n\", totl) }",
        ],
    );
}

#[test]
fn what_is_not_used_is_dropped_and_what_is_only_written_is_printed() {
    check(
        "what_is_not_used_is_dropped_and_what_is_only_written_is_printed",
        &[
            "global used, unused, counted, written\nfunction never(x) { return x }\nprobe begin { println(used) used = 1 counted[pid()]++ written += 2 }",
            "function wrong() { return no_such() }\nprobe begin { }",
        ],
    );
    let mut sources = Sources::default();
    let script =
        "global r, w, s, both, agg\nprobe begin { println(r) r = 1 w[1]++ s = 1 x = both++ agg <<< 1 println(x) }";
    let elaborated = run(script, &blob::kernel(), &mut sources, &[]);
    let printed: Vec<(&str, bool)> =
        elaborated.program.globals.iter().map(|global| (global.name.as_str(), global.print_at_end)).collect();
    assert_eq!(printed, [("r", false), ("w", true), ("s", true), ("both", false), ("agg", true)]);
}

#[test]
fn names_of_the_library_are_its_own() {
    // The library's `user_int_warn` has a parameter of that name.
    let script = "global addr = 5\nprobe begin { println(addr, user_int_warn(1)) }";
    let shown = super::show(script);
    assert!(shown.contains("user_int_warn(addr: long)") && shown.contains("global addr = 5"), "{shown}");
}

#[test]
fn globals_can_be_set_from_outside() {
    let script = "global n = 3, s = \"x\", t, unused, arr\nprobe begin { println(n, s, t . \"\") arr[1] = 1 }";
    let set = |globals: &[(&str, &str)]| {
        let mut sources = Sources::default();
        let elaborated = run(script, &blob::kernel(), &mut sources, globals);
        let values: Vec<Constant> = elaborated
            .program
            .globals
            .iter()
            .filter_map(|global| match &global.shape {
                GlobalShape::Scalar(constant) => Some(constant.clone()),
                _ => None,
            })
            .collect();
        (values, findings(&elaborated, &sources))
    };
    let (values, found) = set(&[("n", "0x10"), ("s", "5"), ("t", "text"), ("unused", "1")]);
    let text = |text: &str| Constant::Text(text.as_bytes().to_vec());
    assert_eq!(values, [Constant::Long(16), text("5"), text("text")]);
    assert_eq!(found, "t:1:27 `unused` warning[unused-variable]: nothing uses the global `unused`\n");
    let (_, found) = set(&[("n", "five"), ("m", "1"), ("arr", "1")]);
    insta::assert_snapshot!(found);
}
