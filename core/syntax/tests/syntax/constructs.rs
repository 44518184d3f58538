//! Every construct of the language, once in each of its forms.

use super::{ast, statements};

#[test]
fn globals() {
    insta::assert_snapshot!(
        ast("global a, b = 1, c = \"s\" \"t\", d = -5;\nglobal e[100], f%, g%[5]\nprivate global i\nprivate j, k%[0x10]"),
        @r#"
    global @1 a
    global @1 b = 1
    global @1 c = "st"
    global @1 d = -5
    global @2 e size=100
    global @2 f wrap
    global @2 g size=5 wrap
    global @3 i private
    global @4 j private
    global @4 k private size=16 wrap
    "#
    );
}

#[test]
fn functions() {
    insta::assert_snapshot!(
        ast("function f:long(a:string, b) :10 { return 1 }
private function g() { return }
function h:string() %{ /* pure */ STAP_RETVALUE = 1; %}
function string(x) { next } function long:long(x:long) { }"),
        @r#"
    function @1 f(a:string, b):long priority=10
      body
        return 1
    function @2 g() private
      body
        return
    function @3 h():string
      embedded " /* pure */ STAP_RETVALUE = 1; "
    function @4 string(x)
      body
        next
    function @4 long(x:long):long
      body
    "#
    );
}

#[test]
fn probe_points() {
    insta::assert_snapshot!(
        ast("probe begin {}
probe kernel.function(\"vfs_*\").return ?, syscall.open ! if (on && x[1]) {}
probe syscall.*, sys_*_foo, *.return, **.x**y, nd_syscall.pread64.*x64, tty.*_2x {}
probe timer.ms(100).randomize(-0x10), process(\"/bin/\" \"sh\").statement(0xffff).next.return.global {}
probe process.function.in {}"),
        @r#"
    probe @1
      point begin
      body
    probe @2
      point kernel.function("vfs_*").return ?
      point syscall.open ! if (&& on x[1])
      body
    probe @3
      point syscall.*
      point sys_*_foo
      point *.return
      point **.x**y
      point nd_syscall.pread64.*x64
      point tty.*_2x
      body
    probe @4
      point timer.ms(100).randomize(-16)
      point process("/bin/sh").statement(65535).next.return.global
      body
    probe @5
      point process.function.in
      body
    "#
    );
}

#[test]
fn braces_expand_in_product_order() {
    insta::assert_snapshot!(
        ast("probe a.{b,c(1)}.{d,e.{f,g}} ? if (x) { }\nprobe {begin,end(2)} { }\nprobe a.{b.{c,d},e}, f {}"),
        @r#"
    probe @1
      point a.b.d ? if x
      point a.b.e.f ? if x
      point a.b.e.g ? if x
      point a.c(1).d ? if x
      point a.c(1).e.f ? if x
      point a.c(1).e.g ? if x
      body
    probe @2
      point begin
      point end(2)
      body
    probe @3
      point a.b.c
      point a.b.d
      point a.e
      point f
      body
    "#
    );
}

#[test]
fn aliases() {
    insta::assert_snapshot!(
        ast("probe a = begin { x = 1 }\nprobe b += end, error { y }\nprobe c.d = e(1) = timer.s(1) { p }, { q }"),
        @r#"
    alias @1
      name a
      point begin
      prologue
        (= x 1)
    alias @2
      name b
      point end
      point error
      epilogue
        y
    alias @3
      name c.d
      name e(1)
      point timer.s(1)
      prologue
        p
      epilogue
        q
    "#
    );
}

#[test]
fn embedded_code() {
    insta::assert_snapshot!(ast("%{\n#include <x>\n%}\nprobe begin { a = %{ 1 % 2 %} + 1 %{ s(); %} }"), @r#"
    embedded @1 "\n#include <x>\n"
    probe @4
      point begin
      body
        (= a (+ (embedded " 1 % 2 ") 1))
        (embedded " s(); ")
    "#);
}

#[test]
fn returning() {
    insta::assert_snapshot!(ast("function f() { if (a) return; return 1 + 2 }"), @r"
    function @1 f()
      body
        if a
          return
        return (+ 1 2)
    ");
}

#[test]
fn plain_statements() {
    insta::assert_snapshot!(
        statements(
            "; a; b
if (a) b else if (c) { d } else e
if (a) { b } else c
if (a) b; else c
while (a) { break; continue }
for (;;) next
for (i = 0; i < 10; i++) { ; }
{ x { y } }
delete a; delete a[1, *] delete b
try { a } catch { b }
try { a } catch (msg) { b }"
        ),
        @r#"
    empty
    a
    b
    if a
      b
    else
      if c
        d
      else
        e
    if a
      b
    else
      c
    if a
      b
    else
      c
    while a
      break
      continue
    for _ _ _
      next
    for (= i 0) (< i 10) (_++ i)
      empty
    block
      x
      block
        y
    delete a
    delete a[1, *]
    delete b
    try
      a
    catch
      b
    try
      a
    catch msg
      b
    "#
    );
}

#[test]
fn foreach_in_all_forms() {
    insta::assert_snapshot!(
        statements(
            "foreach (k in a) x
foreach (k+ in a) x
foreach ([k, l-] in a limit 5) { x }
foreach (v = k in a) x
foreach (v- = [k, l] in a) x
foreach (v- =k in a) x
foreach ([k] in a- limit n * 2) x
foreach (k in a @avg+) x
foreach (k in a[*] @count- limit 3) x
foreach ([i, j] in a[1, *, f(x)]+) x
foreach (b in @hist_log(s)) x
foreach (b in @hist_linear(s[1], 0, 100, 10) limit 2) x"
        ),
        @r#"
    foreach [k] in a
      x
    foreach [k] in a by key 1 rising
      x
    foreach [k, l] in a by key 2 falling limit 5
      x
    foreach v = [k] in a
      x
    foreach v = [k, l] in a by value falling
      x
    foreach v = [k] in a by value falling
      x
    foreach [k] in a by value falling limit (* n 2)
      x
    foreach [k] in a by @avg rising
      x
    foreach [k] in a[*] by @count falling limit 3
      x
    foreach [i, j] in a[1, *, (call f x)] by value rising
      x
    foreach [b] in (@hist_log s)
      x
    foreach [b] in (@hist_linear s[1] 0 100 10) limit 2
      x
    "#
    );
}

#[test]
fn aggregates_and_histograms() {
    insta::assert_snapshot!(
        statements(
            "s <<< x <<< 1
a[k] <<< 2
@count(s) + @sum(a[1]) + @min(s) + @max(s) + @avg(s)
@variance(s) @variance(s, 3)
print(@hist_log(s))
x = @hist_log(a[1])[3] + @hist_linear(s, -10, 0x10, 5)[-1]"
        ),
        @r#"
    (<<< s (<<< x 1))
    (<<< a[k] 2)
    (+ (+ (+ (+ (@count s) (@sum a[1])) (@min s)) (@max s)) (@avg s))
    (@variance s)
    (@variance s 3)
    (call print (@hist_log s))
    (= x (+ (@hist_log a[1])[3] (@hist_linear s -10 16 5)[(- 1)]))
    "#
    );
}

#[test]
fn target_variables() {
    insta::assert_snapshot!(
        statements(
            "$x $x->y $x->y->z $x[1] $x->y[i + 1]->z
$x$ $x$$ $x->y$ $x->y$$ $x[0]$ $x->y[0]$$
$$vars $$parms$ $$return;
&$x; &$x->y[1];
$x->next->in->long
@cast(p, \"task_struct\")->pid
@cast(p, \"task_struct\", \"kernel<linux/sched.h>\")->comm[0]
@cast(p, \"x\")$$; &@cast(p, \"x\")->y
@var(\"jiffies\") @var(\"a@b.c\", \"m\")->x @var(\"v\")[1]
f(x)->y a[1]->b[2]->c (p)->q ptr->m$
($x)->y (&$x)->y
$x = 1 $x->y++ @var(\"v\")[1] += 2"
        ),
        @r#"
    $x
    $x->y
    $x->y->z
    $x[1]
    $x->y[(+ i 1)]->z
    (pretty1 $x)
    (pretty2 $x)
    (pretty1 $x->y)
    (pretty2 $x->y)
    (pretty1 $x[0])
    (pretty2 $x->y[0])
    $$vars
    (pretty1 $$parms)
    $$return
    &$x
    &$x->y[1]
    $x->next->in->long
    (@cast p "task_struct")->pid
    (@cast p "task_struct" "kernel<linux/sched.h>")->comm[0]
    (pretty2 (@cast p "x"))
    &(@cast p "x")->y
    (@var "jiffies")
    (@var "a@b.c" "m")->x
    (@var "v")[1]
    (call f x)->y
    a[1]->b[2]->c
    p->q
    (pretty1 ptr->m)
    ($x)->y
    (&$x)->y
    (= $x 1)
    (_++ $x->y)
    (+= (@var "v")[1] 2)
    "#
    );
}

#[test]
fn at_operators() {
    insta::assert_snapshot!(
        statements(
            "@defined($x->y) ? @entry($x) : @choose_defined($a, 0)
    @const(\"PAGE_SIZE\") @enum(\"X\") @kderef(8, a) @perf(\"c\") @probewrite(v) @uregister(1) @entry($f)->g"
        ),
        @r#"
    (?: (@defined $x->y) (@entry $x) (@choose_defined $a 0))
    (@const "PAGE_SIZE")
    (@enum "X")
    (@kderef 8 a)
    (@perf "c")
    (@probewrite v)
    (@uregister 1)
    (@entry $f)->g
    "#
    );
}

#[test]
fn names_calls_and_keys() {
    insta::assert_snapshot!(
        statements(
            "a f() f(1, g(2)) printf(\"%d\\n\", x) println() a[1] a[1, \"x\", f(2)]
    k in a [k] in a [k, *] in a ! ([1, *, 3] in a) string(1) . long(\"2\")"
        ),
        @r#"
    a
    (call f)
    (call f 1 (call g 2))
    (call printf "%d\n" x)
    (call println)
    a[1]
    a[1, "x", (call f 2)]
    (in a [k])
    (in a [k])
    (in a [k, *])
    (! (in a [1, *, 3]))
    (. (call string 1) (call long "2"))
    "#
    );
}

#[test]
fn literals() {
    insta::assert_snapshot!(
        statements(
            "0 017 0xFf 18446744073709551615; -9223372036854775808
    \"a\" \"b\" /* between */ \"c\"; \"\\x41\\101\\n\\q\\\\\\\"\\xff é\" \"\""
        ),
        @r#"
    0
    15
    255
    -1
    (- -9223372036854775808)
    "abc"
    "AA\nq\\\"\xff é"
    "#
    );
}

#[test]
fn semicolons_are_optional() {
    assert_eq!(statements("a = 1 b = 2\nc++ d"), statements("a = 1; b = 2; c++; d;"));
    assert_eq!(
        ast("global a global b probe begin { } probe end { }"),
        ast("global a; global b; probe begin { } probe end { }")
    );
}

#[test]
fn an_empty_script_parses() {
    assert_eq!(ast(""), "");
    assert_eq!(ast(" \n# nothing\n/* here */ // at all"), "");
}
