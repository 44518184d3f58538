//! Reading BTF: blobs made here for each kind and each way to be damaged, and the running kernel's.
//!
//! Must never write outside of memory.

pub(crate) mod builder;
mod damage;
mod running;
mod spelling;

use super::*;
use builder::Builder;

fn btf(builder: &Builder) -> Btf {
    Btf::from_bytes(builder.bytes()).unwrap()
}

#[test]
fn every_kind_is_decoded() {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    let ptr = b.ptr(int);
    let array = b.array(int, 7);
    let structure = b.structure("s", 8, &[("a", int, 0, 0), ("b", int, 32, 0)]);
    let union = b.union("u", 4, &[("a", int, 0, 0)]);
    let values = [b.string("ONE"), 1, b.string("MINUS"), -1i32 as u32];
    let enumeration = b.raw("e", 6, true, 2, 4, &values);
    let fwd = b.raw("f", 7, true, 0, 0, &[]);
    let typedef = b.typedef("t", structure);
    let volatile = b.raw("", 9, false, 0, int.0, &[]);
    let constant = b.raw("", 10, false, 0, int.0, &[]);
    let restrict = b.raw("", 11, false, 0, ptr.0, &[]);
    let proto = b.proto(int, &[("x", int), ("", TypeId::VOID)]);
    let func = b.func("fn", proto);
    let var = b.raw("v", 14, false, 0, int.0, &[1]);
    let datasec = b.raw(".data", 15, false, 1, 4, &[var.0, 0, 4]);
    let float = b.raw("double", 16, false, 0, 8, &[]);
    let decl_tag = b.raw("kfunc", 17, false, 0, func.0, &[-1i32 as u32]);
    let type_tag = b.raw("user", 18, false, 0, int.0, &[]);
    let values = [b.string("BIG"), 2, 1];
    let wide = b.raw("e64", 19, false, 1, 8, &values);
    let btf = btf(&b);
    let get = |id| btf.get(id).unwrap();

    assert_eq!(btf.type_count(), Ok(20));
    assert_eq!(get(TypeId::VOID), Type::Void);
    assert_eq!(
        get(int),
        Type::Int { name: "int", size: 4, bits: 32, bit_offset: 0, signed: true, is_char: false, is_bool: false }
    );
    assert_eq!(get(ptr), Type::Ptr(int));
    assert_eq!(get(array), Type::Array { element: int, len: 7 });
    assert_eq!(get(structure), Type::Struct { name: "s", size: 8, members: 2 });
    assert_eq!(get(union), Type::Union { name: "u", size: 4, members: 1 });
    assert_eq!(get(enumeration), Type::Enum { name: "e", size: 4, signed: true });
    assert_eq!(get(fwd), Type::Fwd { name: "f", is_union: true });
    assert_eq!(get(typedef), Type::Typedef { name: "t", ty: structure });
    assert_eq!(get(volatile), Type::Volatile(int));
    assert_eq!(get(constant), Type::Const(int));
    assert_eq!(get(restrict), Type::Restrict(ptr));
    assert_eq!(get(proto), Type::FuncProto { ret: int, params: 2 });
    assert_eq!(get(func), Type::Func { name: "fn", proto });
    assert_eq!(get(var), Type::Var { name: "v", ty: int });
    assert_eq!(get(datasec), Type::Datasec { name: ".data", size: 4 });
    assert_eq!(get(float), Type::Float { name: "double", size: 8 });
    assert_eq!(get(decl_tag), Type::DeclTag { tag: "kfunc", ty: func, component: -1 });
    assert_eq!(get(type_tag), Type::TypeTag { tag: "user", ty: int });
    assert_eq!(get(wide), Type::Enum64 { name: "e64", size: 8, signed: false });
    for number in 1..20 {
        assert_eq!(get(TypeId(number)).kind() as u32, number_of_kind(number), "type {number}");
    }

    let values =
        |id| -> Vec<(&str, i64)> { btf.enumerators(id).unwrap().iter().map(|of| (of.name, of.value)).collect() };
    assert_eq!(values(enumeration), [("ONE", 1), ("MINUS", -1)]);
    assert_eq!(values(wide), [("BIG", 0x1_0000_0002)]);
    let expected = vec![ProtoParam { name: "x", ty: int }, ProtoParam { name: "", ty: TypeId::VOID }];
    assert_eq!(btf.params(proto), Ok(expected.clone()));
    assert_eq!(btf.params(func), Ok(expected));

    let sizes =
        [int, ptr, array, structure, union, enumeration, typedef, volatile, constant, restrict, var, float, wide];
    let sizes = sizes.map(|id| btf.size_of(id).unwrap());
    assert_eq!(sizes, [4, 8, 28, 8, 4, 4, 8, 4, 4, 8, 4, 8, 8]);
    for id in [TypeId::VOID, fwd, proto, func] {
        assert!(matches!(btf.size_of(id), Err(BtfError::Unsized(_))), "{id:?}");
    }
    assert_eq!(btf.resolve(typedef), Ok(structure));
    assert_eq!(btf.resolve(restrict), Ok(ptr));
}

/// The kinds of the blob above in the order in which it defines them.
fn number_of_kind(id: u32) -> u32 {
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 12, 14, 15, 16, 17, 18, 19][id as usize]
}

#[test]
fn characters_and_booleans() {
    let mut b = Builder::new();
    let by_name = b.int("unsigned char", 1, 0);
    let by_encoding = b.int("byte", 1, 2);
    let boolean = b.int("_Bool", 1, 4);
    let btf = btf(&b);
    let flags = |id| match btf.get(id) {
        Ok(Type::Int { signed, is_char, is_bool, .. }) => (signed, is_char, is_bool),
        other => panic!("{other:?}"),
    };
    assert_eq!(flags(by_name), (false, true, false));
    assert_eq!(flags(by_encoding), (false, true, false));
    assert_eq!(flags(boolean), (false, false, true));
}

#[test]
fn names_are_found_by_kind() {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    let structure = b.structure("thing", 4, &[("a", int, 0, 0)]);
    let typedef = b.typedef("thing", structure);
    let second = b.structure("thing", 8, &[("b", int, 0, 0)]);
    let long = b.structure("something", 8, &[]);
    let btf = btf(&b);
    assert_eq!(btf.find(Kind::Struct, "thing"), Ok(Some(structure)));
    assert_eq!(btf.find(Kind::Typedef, "thing"), Ok(Some(typedef)));
    assert_eq!(btf.find(Kind::Union, "thing"), Ok(None));
    for absent in ["thin", "hing", "thing ", "something_else", "", "thing\0", "thing\0thing"] {
        assert_eq!(btf.find(Kind::Struct, absent), Ok(None), "{absent:?}");
    }
    assert_eq!(btf.find_all(Kind::Struct, "thing"), Ok(vec![structure, second]));
    let many = [
        (Kind::Struct, "something"),
        (Kind::Struct, "absent"),
        (Kind::Int, "int"),
        (Kind::Struct, "thing"),
        (Kind::Struct, "thing"),
    ];
    assert_eq!(btf.find_many(&many), Ok(vec![Some(long), None, Some(int), Some(structure), Some(structure)]));
    assert_eq!(btf.find_many(&[]), Ok(vec![]));
    let names: Vec<_> = btf.names(Kind::Struct).unwrap().collect();
    assert_eq!(names, [(structure, "thing"), (second, "thing"), (long, "something")]);
}

#[test]
fn members_are_found_through_anonymous_ones() {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    let inner = b.structure("", 8, &[("x", int, 0, 0), ("y", int, 32, 0)]);
    let either = b.union("", 8, &[("", inner, 0, 0), ("z", int, 0, 0)]);
    let named = b.structure("named", 4, &[("hidden", int, 0, 0)]);
    let qualified = b.raw("", 10, false, 0, either.0, &[]);
    let outer = b.structure(
        "outer",
        20,
        &[("a", int, 0, 0), ("", qualified, 32, 0), ("n", named, 96, 0), ("", int, 128, 0), ("last", int, 128, 0)],
    );
    let typedef = b.typedef("outer_t", outer);
    let btf = btf(&b);
    let offset = |name| btf.member(typedef, name).unwrap().map(|member| (member.bit_offset, member.name));
    assert_eq!(offset("a"), Some((0, "a")));
    assert_eq!(offset("x"), Some((32, "x")));
    assert_eq!(offset("y"), Some((64, "y")));
    assert_eq!(offset("z"), Some((32, "z")));
    assert_eq!(offset("n"), Some((96, "n")));
    assert_eq!(offset("last"), Some((128, "last")));
    assert_eq!(offset("hidden"), None);
    assert_eq!(offset(""), None);
    let names: Vec<_> = btf.members(outer).unwrap().iter().map(|member| member.name).collect();
    assert_eq!(names, ["a", "", "n", "", "last"]);
    let wrong = BtfError::WrongKind { id: int, found: Kind::Int, wanted: "struct or union" };
    assert_eq!(btf.member(int, "a"), Err(wrong.clone()));
    assert_eq!(btf.members(int), Err(wrong));
    assert!(matches!(btf.members(TypeId::VOID), Err(BtfError::WrongKind { found: Kind::Void, .. })));
}

#[test]
fn bit_fields() {
    let mut b = Builder::new();
    let int = b.int("unsigned int", 4, 0);
    let flags = b.structure("flags", 4, &[("a", int, 0, 3), ("b", int, 3, 29), ("whole", int, 32, 0)]);
    let outer = b.structure("outer", 12, &[("first", int, 0, 0), ("", flags, 32, 0)]);
    // The old way: an integer type of three bits, five bits into its bytes, and no flag on the struct.
    let three = b.raw("unsigned int", 1, false, 0, 4, &[(5 << 16) | 3]);
    let old = b.structure("old", 4, &[("c", three, 8, 0)]);
    let btf = btf(&b);
    let place = |id, name| btf.member(id, name).unwrap().map(|member| (member.bit_offset, member.bitfield_bits));
    assert_eq!(place(flags, "a"), Some((0, 3)));
    assert_eq!(place(flags, "b"), Some((3, 29)));
    assert_eq!(place(flags, "whole"), Some((32, 0)));
    assert_eq!(place(outer, "b"), Some((35, 29)));
    assert_eq!(place(old, "c"), Some((13, 3)));
}

#[test]
fn look_ups_by_id_cross_the_stride() {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    for nth in 0..100u32 {
        match nth % 3 {
            0 => b.typedef(&format!("t{nth}"), int),
            1 => b.structure(&format!("s{nth}"), 4, &[("a", int, 0, 0), ("b", int, 0, 0)]),
            _ => b.array(int, nth),
        };
    }
    let btf = btf(&b);
    for nth in 0..100u32 {
        match (nth % 3, btf.get(TypeId(nth + 2)).unwrap()) {
            (0, Type::Typedef { name, .. }) => assert_eq!(name, format!("t{nth}")),
            (1, Type::Struct { name, .. }) => assert_eq!(name, format!("s{nth}")),
            (2, Type::Array { len, .. }) => assert_eq!(len, nth),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(btf.get(TypeId(102)), Err(BtfError::NoSuchType(TypeId(102))));
    assert_eq!(btf.get(TypeId(u32::MAX)), Err(BtfError::NoSuchType(TypeId(u32::MAX))));
}
