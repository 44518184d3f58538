//! Registers and arguments by their names, in a program that has known values in them when it is hit.
//!
//! What each name must give was worked out by hand from the values below.

mod systap;

use systap::{can_trace, run};

const PROGRAM: &str = r#"
__attribute__((noinline)) long g(long a, long b, long c, long d, long e, long f, long h, long i) {
  __asm__ volatile("" ::: "memory");
  return -a;
}
int main(void) {
  long r;
  __asm__ volatile(
    "mov $0x1122334455667788, %%rbx\n mov $0x8000000000000001, %%r15\n sub $128, %%rsp\n"
    "pushq $-8\n pushq $0x77777777\n"
    "mov $0x81828384f586f788, %%rdi\n mov $-2, %%rsi\n mov $3, %%rdx\n mov $0x8000000480000004, %%rcx\n"
    "mov $5, %%r8\n mov $6, %%r9\n mov $0x0a0b0c0d0e0f8081, %%rax\n mov $10, %%r10\n mov $11, %%r11\n"
    "call g\n add $144, %%rsp\n"
    : "=a"(r) :: "rbx", "r15", "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "memory", "cc");
  return 0;
}
"#;

const SCRIPT: &str = r#"
probe process("PROGRAM").function("g") {
  printf("%x %x %x %x %x\n", register("rbx"), register("ebx"), register("bx"), register("bl"), register("bh"))
  printf("%d %d %d %d %d\n", register("ax"), u_register("ax"), register("al"), u_register("al"), register("ah"))
  printf("%x %x %x %x\n", register("rdi"), register("edi"), u_register("edi"), u_register("di"))
  printf("%d %d %x %x\n", int_arg(2), uint_arg(2), int_arg(4), uint_arg(4))
  printf("%d %d %d %d\n", long_arg(5), ulong_arg(6), s64_arg(7), longlong_arg(8))
  printf("%x %x %d %d %x\n", pointer_arg(1), s32_arg(1), u32_arg(3), u64_arg(3), ulonglong_arg(4))
  printf("%x %d %d\n", register("r15"), register("r10"), register("r11"))
  printf("%d %d %d %d\n", register("rip") == addr(), register("cs") & 3, register("orig_rax"), user_mode())
  asmlinkage() fastcall() regparm(6)
  try { regparm(7) } catch { println("regparm") }
}
probe process("PROGRAM").function("g") { try { register("rxx") } catch (said) { println(said) } }
probe process("PROGRAM").function("g") { try { long_arg(0) } catch (said) { println(said) } }
probe process("PROGRAM").function("g").return { printf("%x\n", returnval()) }
"#;

const EXPECTED: &str = "1122334455667788 55667788 7788 ffffffffffffff88 77
-32639 32897 -127 129 -128
81828384f586f788 fffffffff586f788 f586f788 f788
-2 4294967294 ffffffff80000004 80000004
5 6 2004318071 -8
81828384f586f788 fffffffff586f788 3 3 8000000480000004
8000000000000001 10 11
1 3 -1 1
regparm
Unknown register: rxx
cannot access arg(0)
7e7d7c7b0a790878
";

#[test]
fn registers_and_arguments_of_a_function() {
    if !can_trace() {
        return;
    }
    if cfg!(not(target_arch = "x86_64")) || !std::path::Path::new("/sys/bus/event_source/devices/uprobe").exists() {
        eprintln!("skipped: registers are known for x86-64 kernels with uprobes");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (source, path) = (folder.path().join("g.c"), folder.path().join("g"));
    std::fs::write(&source, PROGRAM).expect("a file can be written");
    match std::process::Command::new("cc").args(["-O1", "-o"]).arg(&path).arg(&source).status() {
        Ok(status) if status.success() => {}
        other => return eprintln!("skipped: no C compiler builds the program: {other:?}"),
    }
    let path = path.to_str().expect("its path is text");
    run(["run", "-c", path, "-e", &SCRIPT.replace("PROGRAM", path)]).prints(EXPECTED);
}

#[test]
fn timers_have_no_registers() {
    let script = "probe begin {
          try { register(\"rax\") } catch (said) { println(said) }
          try { returnval() } catch (said) { println(said) }
          try { int_arg(1) } catch (said) { println(said) }
          exit()
        }";
    let context = "cannot access CPU registers in this context";
    run(["run", "-e", script]).prints(&format!("{context}\nreturnval() is known on return only\n{context}\n"));
}
