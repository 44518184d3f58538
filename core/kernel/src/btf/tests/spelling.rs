//! The spelling of types.
//!
//! Must never take its expectations from the output: they are what a C programmer writes.

use super::*;

#[test]
fn types_are_spelled_as_in_c() {
    let mut b = Builder::new();
    let int = b.int("unsigned int", 4, 0);
    let char = b.int("char", 1, 1);
    let task = b.structure("task_struct", 4, &[]);
    let anonymous = b.union("", 4, &[]);
    let values = [b.string("ONE"), 1];
    let state = b.raw("state", 6, false, 1, 4, &values);
    let fwd = b.raw("later", 7, false, 0, 0, &[]);
    let pid = b.typedef("pid_t", int);
    let task_ptr = b.ptr(task);
    let const_char = b.raw("", 10, false, 0, char.0, &[]);
    let text = b.ptr(const_char);
    let const_text = b.raw("", 10, false, 0, text.0, &[]);
    let texts = b.ptr(const_text);
    let user = b.raw("user", 18, false, 0, const_char.0, &[]);
    let user_text = b.ptr(user);
    let volatile = b.raw("", 9, false, 0, const_char.0, &[]);
    let void_ptr = b.ptr(TypeId::VOID);
    let comm = b.array(char, 16);
    let rows = b.array(comm, 4);
    let to_array = b.ptr(comm);
    let pointers = b.array(task_ptr, 2);
    let proto = b.proto(TypeId::VOID, &[("task", task_ptr), ("n", int)]);
    let callback = b.ptr(proto);
    let callbacks = b.array(callback, 3);
    let printf = b.proto(int, &[("format", text), ("", TypeId::VOID)]);
    let nothing = b.proto(callback, &[]);
    let getter = b.ptr(nothing);
    let func = b.func("f", proto);
    let float = b.raw("double", 16, false, 0, 8, &[]);
    let btf = btf(&b);
    for (id, expected) in [
        (TypeId::VOID, "void"),
        (int, "unsigned int"),
        (task, "struct task_struct"),
        (anonymous, "union {...}"),
        (state, "enum state"),
        (fwd, "struct later"),
        (pid, "pid_t"),
        (task_ptr, "struct task_struct *"),
        (text, "const char *"),
        (const_text, "const char *const"),
        (texts, "const char *const *"),
        (user_text, "const char *"),
        (volatile, "volatile const char"),
        (void_ptr, "void *"),
        (comm, "char [16]"),
        (rows, "char [4][16]"),
        (to_array, "char (*)[16]"),
        (pointers, "struct task_struct *[2]"),
        (proto, "void (struct task_struct *, unsigned int)"),
        (callback, "void (*)(struct task_struct *, unsigned int)"),
        (callbacks, "void (*[3])(struct task_struct *, unsigned int)"),
        (printf, "unsigned int (const char *, ...)"),
        (getter, "void (*(*)(void))(struct task_struct *, unsigned int)"),
        (func, "void (struct task_struct *, unsigned int)"),
        (float, "double"),
    ] {
        assert_eq!(btf.describe(id), expected);
    }
}
