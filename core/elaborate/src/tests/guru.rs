//! What only guru mode allows: C code, and writing target variables.

use super::{Ways, blob, show, show_files};

const GURU: Ways = Ways { guru: true, unoptimized: false, skip_badvars: false };

#[test]
fn c_code_is_typed_by_its_surroundings() {
    let shown = |script: &str| show_files(&[script], &blob::kernel(), GURU);
    insta::assert_snapshot!(shown(
        "%{ #include <linux/x.h> %}\n\
         function c(a, b) %{ STAP_RETURN(STAP_ARG_a); %}\n\
         function idle(a) %{ /* pure */ %}\n\
         probe begin { println(c(1, \"x\") + 1, %{ 3 %} + 1, %{ /* string */ \"s\" %} . \"t\") idle(1) }"
    ));
    insta::assert_snapshot!(shown("function c(a) %{ %}\nprobe begin { println(c(1)) c(\"x\") }"));
    insta::assert_snapshot!(shown(
        "function c:long(a:string) %{ /* stable */ %}\nprobe begin { println(c(1) . \"x\", %{ 3 %} . \"x\") }"
    ));
}

#[test]
fn target_variables_are_written() {
    let script = "probe kernel.trace(\"sched_switch\") { $prev->pid = 1 $prev->pid++ $preempt += $prev->pid }";
    insta::assert_snapshot!(show_files(&[script], &blob::kernel(), GURU));
    insta::assert_snapshot!(show(script));
    let wrong = "probe kernel.trace(\"sched_switch\") { $prev->pid = \"x\" $nothing = 1 &$prev->pid = 2 $prev$ = \"x\" $prev->pid .= \"x\" }";
    insta::assert_snapshot!(show_files(&[wrong], &blob::kernel(), GURU));
}

#[test]
fn aliases_ask_what_the_probe_writes() {
    insta::assert_snapshot!(show(
        "probe a = begin { x = 1 y = 2 }, { if (@probewrite(x)) println(x) if (@probewrite(y)) println(y) }\nprobe a { x = 3 }"
    ));
}
