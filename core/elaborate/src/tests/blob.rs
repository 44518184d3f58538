//! A kernel made by hand: a blob of BTF with a few structs, tracepoints and registers whose offsets are known because
//! they are written here.

use systap_kernel::Kernel;

/// A blob while it is made. Types are numbered from 1 in the order in which they are added.
#[derive(Default)]
struct Blob {
    strings: Vec<u8>,
    types: Vec<u8>,
    count: u32,
}

impl Blob {
    fn word(&mut self, word: u32) {
        self.types.extend(word.to_ne_bytes());
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    /// The three words that every type has.
    fn head(&mut self, name: &str, kind: u32, flag: bool, parts: usize, third: u32) -> u32 {
        let name = self.name(name);
        self.word(name);
        self.word((u32::from(flag) << 31) | (kind << 24) | parts as u32);
        self.word(third);
        self.count += 1;
        self.count
    }

    fn int(&mut self, name: &str, size: u32, signed: bool) -> u32 {
        let id = self.head(name, 1, false, 0, size);
        self.word((u32::from(signed) << 24) | (size * 8));
        id
    }

    fn pointer(&mut self, to: u32) -> u32 {
        self.head("", 2, false, 0, to)
    }

    fn array(&mut self, element: u32, index: u32, len: u32) -> u32 {
        let id = self.head("", 3, false, 0, 0);
        [element, index, len].into_iter().for_each(|word| self.word(word));
        id
    }

    /// A struct (kind 4) or union (kind 5): members by name, type, first bit and width of a bit field.
    fn composite(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, u32, u32, u32)]) -> u32 {
        let id = self.head(name, kind, true, members.len(), size);
        for (name, ty, bit, width) in members {
            let name = self.name(name);
            [name, *ty, (width << 24) | bit].into_iter().for_each(|word| self.word(word));
        }
        id
    }

    /// An enumeration: values by name.
    fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> u32 {
        let id = self.head(name, 6, false, values.len(), 4);
        for (name, value) in values {
            let name = self.name(name);
            [name, *value].into_iter().for_each(|word| self.word(word));
        }
        id
    }

    fn tag(&mut self, tag: &str, ty: u32) -> u32 {
        self.head(tag, 18, false, 0, ty)
    }

    /// The typedef and the function that a tracepoint has in BTF.
    fn tracepoint(&mut self, name: &str, void: u32, params: &[(&str, u32)]) {
        let mut protos = vec![];
        for named in [false, true] {
            let id = self.head("", 13, false, params.len() + 1, 0);
            for (name, ty) in [("__data", void)].iter().chain(params) {
                let name = self.name(if named { name } else { "" });
                self.word(name);
                self.word(*ty);
            }
            protos.push(id);
        }
        let pointer = self.pointer(protos[0]);
        self.head(&format!("btf_trace_{name}"), 8, false, 0, pointer);
        self.head(&format!("__traceiter_{name}"), 12, false, 1, protos[1]);
    }

    fn finish(self) -> Vec<u8> {
        let mut blob = vec![];
        blob.extend(0xeb9f_u16.to_ne_bytes());
        blob.extend([1, 0]);
        for word in [24, 0, self.types.len() as u32, self.types.len() as u32, self.strings.len() as u32] {
            blob.extend(word.to_ne_bytes());
        }
        blob.extend(self.types);
        blob.extend(self.strings);
        blob
    }
}

/// The kernel of these tests.
pub(super) fn kernel() -> Kernel {
    let mut b = Blob { strings: vec![0], ..Blob::default() };
    let int = b.int("int", 4, true);
    let unsigned = b.int("unsigned int", 4, false);
    let long = b.int("long", 8, true);
    let character = b.int("char", 1, true);
    let boolean = b.int("_Bool", 1, false);
    let short = b.int("unsigned short", 2, false);
    let colour = b.enumeration("colour", &[("RED", 0), ("GREEN", 1), ("BLUE", 5)]);
    let void = b.pointer(0);
    let comm = b.array(character, int, 16);
    let numbers = b.array(int, int, 8);
    let text = b.pointer(character);
    let user_char = b.tag("user", character);
    let user_text = b.pointer(user_char);
    // struct mm { long users; };
    let mm = b.composite(4, "mm_struct", 8, &[("users", long, 0, 0)]);
    let mm_pointer = b.pointer(mm);
    let percpu_mm = b.tag("percpu", mm);
    let percpu = b.pointer(percpu_mm);
    // union { struct mm *shared; long raw; };
    let overlay = b.composite(5, "", 8, &[("shared", mm_pointer, 0, 0), ("raw", long, 0, 0)]);
    // task_struct refers to itself: its number is that of the pointer to it plus one.
    let task_pointer = b.pointer(b.count + 2);
    let task = b.composite(
        4,
        "task_struct",
        136,
        &[
            ("__state", unsigned, 0, 0),
            ("pid", int, 32, 0),
            ("tgid", int, 64, 0),
            ("flag_a", unsigned, 96, 3),
            ("flag_b", int, 99, 2),
            ("comm", comm, 128, 0),
            ("numbers", numbers, 256, 0),
            ("mm", mm_pointer, 512, 0),
            ("parent", task_pointer, 576, 0),
            ("", overlay, 640, 0),
            ("inside", mm, 704, 0),
            ("percpu", percpu, 768, 0),
            ("label", text, 832, 0),
            ("path", user_text, 896, 0),
            ("usable", boolean, 960, 0),
            ("real_parent", task_pointer, 1024, 0),
            ("tint", colour, 992, 0),
        ],
    );
    assert_eq!(task, task_pointer + 1);
    let registers = ["r15", "r10", "r9", "r8", "ax", "dx", "si", "di", "orig_ax"];
    let members: Vec<(&str, u32, u32, u32)> =
        (0..).zip(registers).map(|(nth, name)| (name, long, nth * 64, 0)).collect();
    b.composite(4, "pt_regs", 72, &members);
    b.tracepoint("sched_switch", void, &[("preempt", boolean), ("prev", task_pointer), ("next", task_pointer)]);
    b.tracepoint("sched_wakeup", void, &[("p", task_pointer)]);
    b.tracepoint(
        "numbers",
        void,
        &[("small", short), ("signed_one", int), ("wide", long), ("name", text), ("upath", user_text)],
    );
    b.tracepoint("bare_tp", void, &[]);
    let events = [("sched", "sched_switch"), ("sched", "sched_wakeup"), ("test", "numbers")];
    let events = events.iter().map(|(subsystem, event)| (subsystem.to_string(), event.to_string())).collect();
    Kernel::from_parts(b.finish(), Some(events), "6.1.0")
}
