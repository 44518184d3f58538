//! Target variables. The offsets are those of `blob`: `task_struct` has `pid` at 4, `comm` at 16, `mm` at 64, and so on.

use super::{Ways, check, show_files};

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
            "probe begin { println(@defined(@cast(0, \"task_struct\")->pid), @defined(@cast(0, \"nope\")->pid), @defined(@var(\"no_such\"))) }",
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

#[test]
fn pointers_keep_their_types() {
    check(
        "pointers_keep_their_types",
        &[
            // Through locals, globals, elements, parameters and results, whatever the order.
            "global g, a\nfunction up(t) { return t->parent }\nprobe kernel.trace(\"sched_wakeup\") { println(g->pid, a[1, \"x\"]->tgid, up($p)->mm->users) }\nprobe kernel.trace(\"sched_switch\") { g = $prev a[1, \"x\"] = $next }",
            "function one(t) { return two(t) }\nfunction two(u) { v = u return v->parent }\nprobe kernel.trace(\"sched_wakeup\") { println(one($p)->pid) }",
            // A number takes nothing away; user memory stays the user's.
            "probe kernel.trace(\"sched_wakeup\") { t = 0 if ($p->pid) t = $p println(t->pid, (t ? t : $p)->pid) q = $p->path println(@defined(q->x)) }",
            "probe kernel.trace(\"sched_wakeup\") { t = &$p->inside println(t->users, (u = $p)->pid, &u->mm, t) }",
            // Two types are none.
            "probe kernel.trace(\"sched_wakeup\") { t = $p println(t->pid) t = $p->mm println(t->users) }",
            "global g\nfunction f() { return 1 }\nfunction h(n) { return n->pid }\nprobe kernel.trace(\"sched_wakeup\") { println(f()->pid, g->x, 5->y, \"s\"->z, h(1)) g = 1 }",
        ],
    );
}

#[test]
fn types_by_name() {
    check(
        "types_by_name",
        &[
            "probe begin { println(@cast(1, \"unsigned int\"), @cast(1, \"int\")[1], @cast(1, \"const struct task_struct\", \"kernel<linux/sched.h>\")->pid, @cast(1, \"char*\")[2], &@cast(7, \"task_struct\")) }",
            "probe begin { println(@cast(1, \"mm_struct\", \"nfs:kernel\")->users, @cast(1, \"mm_struct\", \"nfs\")->users, @cast(2, \"task_struct\")->comm[1]) }",
            "probe begin { println(@cast(1, \"void\")->x, @cast(1, \"void\")[1], @cast(1, \"void *\")[1], @cast(1, \"a b\"), @cast(1, \"union task_struct\"), @cast(1, \"timeval\", \"<sys/time.h>\")->tv_sec, @cast(1, \"int\")->x) }",
        ],
    );
}

#[test]
fn targets_that_are_not_there() {
    let script =
        "probe kernel.trace(\"sched_wakeup\") { println($nope, $p->nope->more, $p->pid, $nope$, $nope[2] + 1) }";
    let ways = Ways { skip_badvars: true, ..Ways::default() };
    insta::assert_snapshot!(show_files(&[script], &super::blob::kernel(), ways));
}

#[test]
fn macros_of_the_library() {
    check(
        "macros_of_the_library",
        &[
            "probe begin { println(@offsetof(\"task_struct\", mm), @cast_sizeof(\"task_struct\"), @cast_sizeof(\"long\"), @type_defined(\"task_struct\"), @type_defined(\"nope\"), @type_member_defined(\"task_struct\", pid), @type_member_defined(\"task_struct\", nope), @MAXSTRINGLEN) }",
            "probe kernel.trace(\"sched_wakeup\") { p = @container_of(&$p->parent, \"task_struct\", parent) println(@task(p)->pid) @this1 = 4 println(@this1) }",
            "probe begin { @offsetf(1) }",
        ],
    );
}

#[test]
fn constants_memory_and_registers() {
    let guru = |script: &str| show_files(&[script], &super::blob::kernel(), Ways { guru: true, ..Ways::default() });
    insta::assert_snapshot!(guru(
        "probe begin { println(@const(\"EINTR\"), @const(\"0x10\"), @const(\"nope\"), @const(1), @const()) }"
    ));
    insta::assert_snapshot!(guru(
        "probe syscall.read { println(@kderef(4, 8), @uderef(1, $buf), @uregister(5), @const(\"MAXSTRINGLEN\")) }"
    ));
    insta::assert_snapshot!(guru(
        "probe syscall.read { println(@kderef(3, 8), @uderef(pid(), 1), @uregister(99), @kregister(0), @kderef(8)) }\nprobe begin { @uregister(0) println(@perf(\"x\")) }"
    ));
    insta::assert_snapshot!(super::show("probe begin { println(@kderef(8, 1), @uregister(0), @const(\"EIO\")) }"));
}

#[test]
fn enumerations() {
    check(
        "enumerations",
        &[
            "probe begin { println(@enum(\"BLUE\"), @enumname(pid(), \"enum colour\"), @enumname(2, \"colour\", \"kernel\")) }",
            "probe kernel.trace(\"sched_wakeup\") { println(@enumname($p->tint), $p->tint, $BLUE) }",
            "probe begin { println(@enum(\"PINK\"), @enum(1), @enumname(1), @enumname(1, \"task_struct\"), @enumname(\"s\", \"colour\"), @enumname()) }",
        ],
    );
}

#[test]
fn values_from_the_entry() {
    check(
        "values_from_the_entry",
        &[
            "probe syscall.read.return { println(@entry($fd), @entry(user_string($buf)), $return, $$return) }",
            "probe syscall.execve.return { println(user_string($filename)) }",
            "global on\nprobe syscall.read.return if (on) { t = @entry(gettimeofday_us()) println(@defined(@entry($fd)), @defined(@entry($none)), t) }",
            "probe begin { @entry(1) }\nprobe syscall.read { @entry($fd) }\nprobe syscall.read.return { println(@entry(@entry($fd)), @entry($nope)) }\nfunction f() { return @entry(1) }",
        ],
    );
}

#[test]
fn variables_of_the_kernel() {
    let symbols = b"ffffffff81000000 T vfs_read\nffffffff82000000 D init_task\nffffffff82001000 d tasks_seen\n0000000000001000 A runqueues\n";
    let show = |script| super::show_for(script, &super::blob::kernel().with_symbols(symbols.to_vec()));
    insta::assert_snapshot!(show(
        "probe kernel.trace(\"sched_wakeup\") { println(@var(\"init_task\")->pid, @var(\"init_task@init/init_task.c\", \"kernel\")->mm->users, &@var(\"tasks_seen\"), @cast(&@var(\"tasks_seen\"), \"int\")[0], @defined(@var(\"init_tusk\"))) }"
    ));
    insta::assert_snapshot!(show(
        "probe begin { println(@var(\"init_tusk\"), @var(\"tasks_seen\"), @var(\"vfs_read\"), @var(\"runqueues\"), @var(\"x\", \"/bin/ls\")) }"
    ));
    let few = b"ffffffff81000000 T vfs_read\n".to_vec();
    insta::assert_snapshot!(super::show_for(
        "probe begin { println(@var(\"init_task\")) }",
        &super::blob::kernel().with_symbols(few)
    ));
    insta::assert_snapshot!(super::show("probe begin { println(@var(\"init_task\")) }"));
}
