//! Target variables. The offsets are those of `blob`: `task_struct` has `pid` at 4, `comm` at 16, `mm` at 64, and so on.

use super::check;

#[test]
fn arguments_and_members() {
    check(
        "arguments_and_members",
        &[
            "probe kernel.trace(\"numbers\") { println($small, $signed_one, $wide, $name, $upath, user_string($upath)) }",
            "probe kernel.trace(\"sched_switch\") { println($prev, $prev->pid, $prev->__state, $prev->usable, $preempt) }",
            // Chains stay typed through pointers, not through unions, user memory, per-CPU offsets or variables.
            "probe kernel.trace(\"sched_wakeup\") { println($p->parent->parent->mm->users, $p->shared->users, $p->percpu->users, $p->inside->users) p = $p->mm println(p->users) }",
            "probe kernel.trace(\"sched_wakeup\") { println($p->flag_a, $p->flag_b, $p->raw) }",
            "probe kernel.trace(\"sched_wakeup\") { println($p->numbers, $p->numbers[3], $p->numbers[8], $p->numbers[cpu()], $p->label[1], $p->comm[0]) }",
            "probe kernel.trace(\"sched_wakeup\") { println(&$p->pid, &$p->inside, &$p->numbers[2], kernel_string(&$p->comm)) }",
        ],
    );
}

#[test]
fn casts() {
    check(
        "casts",
        &[
            "probe begin { t = task_current() println(@cast(t, \"task_struct\")->pid, @cast(task_current(), \"struct task_struct\")->mm->users, task_current()->pid, t->tgid) }",
            "probe begin { println(@cast(5, \"task_struct *\", \"kernel\")->comm, @cast(5, \"int\")[2], &@cast(0, \"task_struct\")->mm) }",
            "function f(t) { return @cast(t, \"task_struct\")->parent->pid }\nprobe begin { println(f(1)) }",
            "probe begin { println(@cast(1, \"task_strct\")->pid, @cast(1, \"union none\")->x, @cast(1, \"a\", \"/bin/ls\")->b, @cast(\"s\", \"task_struct\")->pid) x = 1 println(x->pid) }",
        ],
    );
}

#[test]
fn summaries_and_pretty_printing() {
    check(
        "summaries_and_pretty_printing",
        &[
            "probe kernel.trace(\"sched:sched_switch\") { println($$name, $$system, $$vars, $$parms, $$locals) }",
            "probe kernel.trace(\"numbers\") { println($small$, $name$, $upath$$) println($$parms$) }",
            "probe kernel.trace(\"sched_wakeup\") { println($p$) println($p$$) }",
            "probe kernel.trace(\"sched_wakeup\") { println($p->inside$, $p->numbers$, $p->comm$, $p->mm$, $p->pid$) }",
        ],
    );
}

#[test]
fn what_is_defined() {
    check(
        "what_is_defined",
        &[
            "probe kernel.trace(\"sched_wakeup\") { println(@defined($p->pid), @defined($p->no), @defined($q), @choose_defined($p->no, $p->pid)) }",
            "probe kernel.trace(\"sched_wakeup\") { if (@defined($p->no)) println($p->no) else println(\"old\") x = @defined($p->no) ? $p->no : 7 println(x) }",
            "probe kernel.trace(\"sched_*\") { if (!@defined($p) || @defined($q->x)) println($prev) else println($p) }",
            "probe begin { println(@defined(@cast(0, \"task_struct\")->pid), @defined(@cast(0, \"nope\")->pid), @defined(undefined_name)) }",
        ],
    );
}

#[test]
fn errors() {
    check(
        "errors",
        &[
            "probe kernel.trace(\"sched_switch\") { println($prv, $prev->pdi, $prev->zzzzz, $prev->pid->x, $prev->inside, $prev[\"a\"], $nothing_like_it) }",
            "probe kernel.trace(\"sched_switch\") { $prev->pid = 1 println(&$preempt, &$prev, &$prev->flag_a, $prev->comm->x, $preempt[0], $$nothing) }",
            "function f() { return $prev->pid }\nprobe begin { println($x) f() }",
            "probe kernel.trace(\"bare_tp\") { println($x, $$vars) }",
        ],
    );
}
