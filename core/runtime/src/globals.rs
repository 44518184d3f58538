//! Globals that a script writes and never reads, printed when the run ends, in SystemTap's form.
//!
//! It must never change a global, nor end the run: one that cannot be read is left out and told of.

use systap_ir::placed::Placed;
use systap_ir::program::{AggregateFn, Global, GlobalId, GlobalShape};

use crate::sink::Notice;
use crate::text::format::{address, escape};
use crate::user::{Aggregate, Datum, Entry, Store, StoreError};
use crate::view::greatest_first;

/// Appends the globals that ask for it, in script order, to `out`; gives those that cannot be read.
pub(crate) fn print(placed: &Placed, store: &mut dyn Store, out: &mut Vec<u8>) -> Vec<Notice> {
    let mut unreadable = vec![];
    for (id, (global, _)) in (0..).map(GlobalId).zip(&placed.globals).filter(|(_, (global, _))| global.print_at_end) {
        let printed = match &global.shape {
            GlobalShape::Scalar(_) => store.get(id).map(|value| entry(global, &[], &Entry::Value(value), out)),
            GlobalShape::Aggregate(_) => store.aggregate(id, &[]).map(|aggregate| {
                entry(global, &[], &Entry::Aggregate(aggregate.unwrap_or_default()), out);
            }),
            GlobalShape::Array { .. } => array(id, global, store, out),
        };
        if let Err(error) = printed {
            unreadable.push(Notice::Unreadable { global: global.name.clone(), reason: error.to_string() });
        }
    }
    unreadable
}

/// An array's entries, the greatest value first; of aggregates, the greatest count.
fn array(id: GlobalId, global: &Global, store: &mut dyn Store, out: &mut Vec<u8>) -> Result<(), StoreError> {
    for (keys, value) in &greatest_first(id, store)? {
        entry(global, keys, value, out);
    }
    Ok(())
}

fn entry(global: &Global, keys: &[Datum], value: &Entry, out: &mut Vec<u8>) {
    out.extend_from_slice(global.name.as_bytes());
    for (index, key) in keys.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        datum(key, out);
    }
    if !keys.is_empty() {
        out.push(b']');
    }
    match value {
        Entry::Value(Datum::Long(value)) if global.pointer => {
            out.push(b'=');
            address(value.cast_unsigned(), out);
        }
        Entry::Value(value) => {
            out.push(b'=');
            datum(value, out);
        }
        // A scalar that nothing was put into has no least value to tell of.
        Entry::Aggregate(aggregate) if aggregate.count == 0 => out.extend_from_slice(b" @count=0x0"),
        Entry::Aggregate(aggregate) => parts(aggregate, out),
    }
    out.push(b'\n');
}

fn datum(value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Long(long) => out.extend_from_slice(long.to_string().as_bytes()),
        Datum::Text(text) => {
            out.push(b'"');
            escape(text, out);
            out.push(b'"');
        }
    }
}

fn parts(aggregate: &Aggregate, out: &mut Vec<u8>) {
    let functions = [
        ("count", AggregateFn::Count),
        ("min", AggregateFn::Min),
        ("max", AggregateFn::Max),
        ("sum", AggregateFn::Sum),
        ("avg", AggregateFn::Avg),
    ];
    for (name, function) in functions {
        let value = aggregate.get(function).unwrap_or(0);
        out.extend_from_slice(format!(" @{name}={value}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::MemoryStore;
    use systap_diagnostics::{FileId, Span};
    use systap_ir::placed::Residence;
    use systap_ir::program::{AggregateShape, Constant, Element, Type};

    #[test]
    fn each_shape_has_its_form() {
        let array =
            |element| GlobalShape::Array { keys: vec![Type::Text, Type::Long], element, capacity: 9, wrap: false };
        let shapes = [
            ("number", GlobalShape::Scalar(Constant::Long(-3)), true),
            ("address", GlobalShape::Scalar(Constant::Long(-3)), true),
            ("hidden", GlobalShape::Scalar(Constant::Long(4)), false),
            ("text", GlobalShape::Scalar(Constant::Text(b"a\"b\n".to_vec())), true),
            ("whole", GlobalShape::Aggregate(AggregateShape::default()), true),
            ("none", GlobalShape::Aggregate(AggregateShape::default()), true),
            ("values", array(Element::Value(Type::Long)), true),
            ("sums", array(Element::Aggregate(AggregateShape::default())), true),
        ];
        let global = |(name, shape, print_at_end): (&str, GlobalShape, bool)| Global {
            name: name.into(),
            span: Span::new(FileId(0), 0, 0),
            shape,
            print_at_end,
            pointer: name == "address",
        };
        let globals: Vec<Global> = shapes.map(global).to_vec();
        let mut store = MemoryStore::new(&globals);
        for value in [2, 4, 9] {
            store.accumulate(GlobalId(4), &[], value).unwrap();
        }
        let key = |text: &str, long| [Datum::from(text), Datum::Long(long)];
        store.element_set(GlobalId(6), &key("few", 1), Datum::Long(5)).unwrap();
        store.element_set(GlobalId(6), &key("many", 2), Datum::Long(50)).unwrap();
        store.element_set(GlobalId(6), &key("negative", 2), Datum::Long(-1)).unwrap();
        store.accumulate(GlobalId(7), &key("once", 1), 100).unwrap();
        store.accumulate(GlobalId(7), &key("twice", 1), 1).unwrap();
        store.accumulate(GlobalId(7), &key("twice", 1), 2).unwrap();
        let placed = Placed {
            globals: globals.into_iter().map(|global| (global, Residence::User)).collect(),
            ..Placed::default()
        };
        let mut out = vec![];
        assert_eq!(print(&placed, &mut store, &mut out), []);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        number=-3
        address=0xfffffffffffffffd
        text="a\"b\n"
        whole @count=3 @min=2 @max=9 @sum=15 @avg=5
        none @count=0x0
        values["many",2]=50
        values["few",1]=5
        values["negative",2]=-1
        sums["twice",1] @count=2 @min=1 @max=2 @sum=3 @avg=1
        sums["once",1] @count=1 @min=100 @max=100 @sum=100 @avg=100
        "#);
    }
}
