//! Damaged and hostile blobs: each gives an error, none a panic or a wait.
//!
//! Must never depend on luck: the mutations come from a fixed seed.

use super::*;

#[track_caller]
fn refused(bytes: Vec<u8>, expected: BtfError) {
    let refusal = Btf::from_bytes(bytes).and_then(|btf| btf.type_count().map(|_| ()));
    assert_eq!(refusal, Err(expected));
}

fn small() -> Builder {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    b.structure("s", 4, &[("a", int, 0, 0)]);
    b
}

fn with(mut bytes: Vec<u8>, at: usize, new: &[u8]) -> Vec<u8> {
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn headers() {
    let good = small().bytes();
    refused(vec![], BtfError::ShortHeader(0));
    refused(good[..23].to_vec(), BtfError::ShortHeader(23));
    refused(with(good.clone(), 0, &0xeb9f_u16.swap_bytes().to_ne_bytes()), BtfError::ForeignEndian);
    refused(with(good.clone(), 0, b"\x7fE"), BtfError::Magic(u16::from_ne_bytes(*b"\x7fE")));
    refused(with(good.clone(), 2, &[2]), BtfError::Version(2));
    refused(with(good.clone(), 4, &8u32.to_ne_bytes()), BtfError::ShortHeader(8));
    let huge = u32::MAX.to_ne_bytes();
    for (at, section) in [(8, "type section"), (12, "type section"), (16, "string section"), (20, "string section")] {
        refused(with(good.clone(), at, &huge), BtfError::Section { section });
    }
    refused(with(good.clone(), 20, &0u32.to_ne_bytes()), BtfError::Strings);
    refused(with(good.clone(), good.len() - 1, b"x"), BtfError::Strings);
    refused(good[..good.len() - 1].to_vec(), BtfError::Section { section: "string section" });
}

#[test]
fn a_longer_header_is_accepted() {
    let mut bytes = with(small().bytes(), 4, &32u32.to_ne_bytes());
    bytes.splice(24..24, [0; 8]);
    let btf = Btf::from_bytes(bytes).unwrap();
    assert_eq!(btf.find(Kind::Struct, "s"), Ok(Some(TypeId(2))));
}

#[test]
fn records() {
    let mut b = small();
    let id = b.raw("new", 20, false, 0, 0, &[]);
    refused(b.bytes(), BtfError::UnknownKind { id, kind: 20 });
    let mut b = small();
    let id = b.raw("", 0, false, 0, 0, &[]);
    refused(b.bytes(), BtfError::UnknownKind { id, kind: 0 });
    let mut b = small();
    let id = b.raw("s", 4, false, 9, 4, &[0, 0, 0]);
    refused(b.bytes(), BtfError::CutOff(id));
    // Half of a third record.
    let good = small().bytes();
    let types = u32::from_ne_bytes(good[12..16].try_into().unwrap());
    refused(with(good, 12, &(types - 4).to_ne_bytes()), BtfError::CutOff(TypeId(2)));
}

#[test]
fn references() {
    let mut b = small();
    let id = b.typedef("beyond", TypeId(900));
    let member = b.structure("m", 4, &[("", TypeId(901), 0, 0)]);
    let unnamed = b.next();
    let btf = btf(&b);
    assert_eq!(btf.resolve(id), Err(BtfError::NoSuchType(TypeId(900))));
    assert_eq!(btf.size_of(id), Err(BtfError::NoSuchType(TypeId(900))));
    assert_eq!(btf.member(member, "x"), Err(BtfError::NoSuchType(TypeId(901))));
    assert_eq!(btf.describe(unnamed), "?");
    assert_eq!(btf.describe(id), "beyond");
}

/// What the BTF of a module looks like without that of the kernel proper: ids and names beyond its own.
#[test]
fn half_of_a_split_pair_gives_errors() {
    let mut b = Builder::new();
    let id = b.raw("", 8, false, 0, 120_000, &[]);
    let mut bytes = b.bytes();
    bytes[24..28].copy_from_slice(&2_300_000u32.to_ne_bytes());
    let btf = Btf::from_bytes(bytes).unwrap();
    assert_eq!(btf.get(id), Err(BtfError::Name(id)));
    assert_eq!(btf.resolve(id), Err(BtfError::Name(id)));
    assert_eq!(btf.find(Kind::Typedef, "anything"), Ok(None));
    assert_eq!(btf.names(Kind::Typedef).unwrap().count(), 0);
}

#[test]
fn rings() {
    let mut b = Builder::new();
    let first = b.next();
    let second = b.typedef("a", TypeId(first.0 + 1));
    b.typedef("b", second);
    let own = b.next();
    b.structure("s", 4, &[("", own, 0, 0)]);
    let array = b.next();
    b.array(array, 1);
    let ptr = b.next();
    b.ptr(ptr);
    // Each of many anonymous members holds as many again: too many to visit all.
    let mut wide = b.structure("", 4, &[]);
    for _ in 0..20 {
        wide = b.structure("", 4, &[("", wide, 0, 0); 30]);
    }
    let btf = btf(&b);
    assert_eq!(btf.resolve(first), Err(BtfError::TooDeep(first)));
    assert_eq!(btf.size_of(first), Err(BtfError::TooDeep(first)));
    assert_eq!(btf.member(own, "x"), Err(BtfError::TooDeep(own)));
    assert_eq!(btf.size_of(array), Err(BtfError::TooDeep(array)));
    assert!(btf.describe(ptr).starts_with("? *"));
    assert!(matches!(btf.member(wide, "x"), Err(BtfError::TooDeep(_))));
}

#[test]
fn array_sizes_do_not_wrap() {
    let mut b = Builder::new();
    let int = b.int("long", 8, 1);
    let mut at = int;
    for _ in 0..2 {
        at = b.array(at, u32::MAX);
    }
    let btf = btf(&b);
    assert_eq!(btf.size_of(at), Err(BtfError::Size(at)));
}

/// Asks everything of every type; the answers do not matter.
fn ask_everything(bytes: Vec<u8>) {
    let Ok(btf) = Btf::from_bytes(bytes) else { return };
    let Ok(count) = btf.type_count() else { return };
    for id in (0..count.min(3_000)).map(TypeId) {
        let _ = (btf.get(id), btf.resolve(id), btf.size_of(id), btf.describe(id), btf.params(id));
        let _ = (btf.members(id), btf.member(id, "pid"), btf.enumerators(id));
    }
    let _ = btf.find_many(&[(Kind::Struct, "s"), (Kind::Typedef, "btf_trace_x"), (Kind::Func, "a_long_name")]);
    let kernel = crate::Kernel::from_parts(btf.bytes.to_vec(), None, "6.1.0");
    let _ = (kernel.tracepoint(None, "x"), kernel.tracepoints(None, "*"));
}

/// A generator of numbers: xorshift with a fixed seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn mutate(good: &[u8], rounds: usize, seed: u64) {
    let mut numbers = Numbers(seed);
    for _ in 0..rounds {
        let mut bytes = good.to_vec();
        for _ in 0..=numbers.below(6) {
            let at = numbers.below(bytes.len());
            match numbers.below(4) {
                0 => bytes[at] = numbers.below(256) as u8,
                1 => bytes[at] ^= 1 << numbers.below(8),
                2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
                _ => bytes.truncate(at.max(1)),
            }
        }
        ask_everything(bytes);
    }
}

#[test]
fn mutations_of_a_small_blob() {
    let mut b = small();
    let int = TypeId(1);
    let ptr = b.ptr(TypeId(2));
    let proto = b.proto(TypeId::VOID, &[("__data", ptr), ("x", ptr), ("n", int)]);
    let to_proto = b.ptr(proto);
    b.typedef("btf_trace_x", to_proto);
    b.func("__traceiter_x", proto);
    let inner = b.union("", 8, &[("pid", int, 0, 3), ("other", int, 3, 5)]);
    b.structure("task", 16, &[("a", int, 0, 0), ("", inner, 64, 0)]);
    b.array(int, 4);
    let values = [b.string("ONE"), 1, b.string("TWO"), 2];
    b.raw("e", 6, false, 2, 4, &values);
    let good = b.bytes();
    ask_everything(good.clone());
    mutate(&good, 20_000, 0x5eed_0001);
}

#[test]
fn mutations_of_a_piece_of_the_running_kernel() {
    let Some(mut piece) = running::first_types(64 * 1024) else { return };
    ask_everything(piece.clone());
    mutate(&piece, 60, 0x5eed_0002);
    // And the plain prefix of the file, whose header promises more than there is.
    piece.truncate(32 * 1024);
    ask_everything(piece);
}
