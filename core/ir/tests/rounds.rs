//! Which loops are counted, and how often they go round: told by hand from the scripts.

use systap_diagnostics::Sources;
use systap_elaborate::{Input, elaborate};
use systap_ir::rounds::Loops;
use systap_ir::{lower, optimize};
use systap_kernel::Kernel;
use systap_syntax::ParseOptions;

/// The loops of a handler's body.
fn loops(body: &str) -> Loops {
    let script = format!("global x probe begin {{ {body} }}");
    let mut sources = Sources::default();
    let file = sources.add("test.stp", script.clone());
    let parsed = systap_syntax::parse(&mut sources, file, &ParseOptions::default());
    let elaborated =
        elaborate(Input::new(&[parsed.file], &mut sources, &Kernel::running(), &systap_binary::Programs::default()));
    assert_eq!(elaborated.diagnostics, [], "{script}");
    let mut unit = lower(&elaborated.program).expect("it lowers");
    optimize(&mut unit);
    Loops::of(&unit.handlers[0].body)
}

#[test]
fn loops_over_constants_are_counted() {
    for (body, rounds) in [
        ("x++", 0),
        ("for (i = 0; i < 10; i++) x += i", 10),
        ("for (i = 0; i <= 10; i += 3) x += i", 4),
        ("for (i = 10; i > 0; i--) x += i", 10),
        ("for (i = 7; i != 0; i--) x += i", 7),
        ("for (i = 5; i; i--) x += i", 5),
        ("n = 6; while (n--) x++", 6),
        ("for (i = 0; 10 > i; i++) x += i", 10),
        ("for (i = 0; !(i >= 10); i++) x += i", 10),
        ("for (i = 0; i < 0; i++) x += i", 0),
        ("for (i = 0; i < 10 && x < 5; i++) x += i", 10),
        ("for (i = 0; x < 5 && i < 10; i++) x += i", 10),
        ("for (i = 0; i < 10; i++) { if (x) break; x += i }", 10),
        ("for (i = 0; i < 10; i++) { if (x) continue; x += i }", 10),
        ("while (1) { if (k++ > 20) break; x += k }", 21),
        ("i = x ? 3 : 5; for (j = 0; j < 4; j++) x += i", 4),
        // Ten rounds, and in each and in the test before the first three of the inner one, at most.
        ("for (i = 0; i < 10; i++) for (j = 0; j < 3; j++) x += i * j", 43),
        ("for (i = 0; i < 10; i++) x += i; for (i = 0; i < 20; i++) x += i", 30),
    ] {
        let found = loops(body);
        assert!(found.uncounted.is_empty(), "{body}: {found:?}");
        assert_eq!(found.rounds, rounds, "{body}");
    }
}

#[test]
fn others_are_not() {
    for body in [
        "while (x) x--",
        "while (1) x++",
        "for (i = 0; i < x; i++) x += i",
        "for (i = x; i < 10; i++) x += i",
        "for (i = 0; i < 10; i += x) x++",
        "for (i = 0; i < 10; i++) if (x++ == 7) i = 0",
        "for (i = 0; i < 10 || x; i++) x++",
        "for (i = 0; i < 10; i--) x++",
        "for (i = 0; i < 5000; i++) x++",
        // The test is not made in each round.
        "while (1) { if (x) { if (i >= 10) break; i++ } else x++ }",
    ] {
        assert!(!loops(body).uncounted.is_empty(), "{body}");
    }
}

#[test]
fn few_and_short_ones_fit() {
    assert!(loops("for (i = 0; i < 1000; i++) x += i").fit(3010));
    assert!(!loops("for (i = 0; i < 1000; i++) x += i").fit(3000));
    assert!(!loops("for (i = 0; i < 100; i++) for (j = 0; j < 100; j++) x += i").fit(100_000));
}
