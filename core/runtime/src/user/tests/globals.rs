//! Scalars, arrays, aggregates, and going through them.

use super::*;
use systap_ir::program::{AggregateFn, Histogram, LinearBounds, Order, OrderBy};

/// `foreach` over `global`, writing `key value` for each entry. The keys are of type text.
fn each(b: &mut Builder, global: GlobalId, value: Type, op: Op) {
    let cursor = b.give(Type::Long, op);
    let (head, _) = b.block(&[]);
    let (body, _) = b.block(&[]);
    let (done, _) = b.block(&[]);
    b.end(Terminator::Jump(jump(head, &[])));
    b.fill(head);
    let condition = b.give(Type::Long, Op::Advance(cursor));
    b.end(Terminator::Branch { condition, then: jump(body, &[]), otherwise: jump(done, &[]) });
    b.fill(body);
    let key = b.give(Type::Text, Op::CursorKey(cursor, 0));
    let held = b.give(value, Op::CursorValue(cursor));
    let number = if value == Type::Long { ConversionKind::Signed } else { ConversionKind::Text };
    let conversion = |kind| Piece::Conversion(Conversion::plain(kind));
    let gap = |text: &str| Piece::Text(text.into());
    let pieces = vec![conversion(ConversionKind::Text), gap("="), conversion(number), gap(" ")];
    b.perform(Op::Print(Format { pieces }, vec![key, held]));
    // What the loop does to the array does not disturb it.
    b.perform(Op::ElementDelete(global, vec![key]));
    b.end(Terminator::Jump(jump(head, &[])));
    b.fill(done);
}

fn sorted(order: Option<Order>, limit: Option<i64>) -> String {
    let mut world = World::with_globals(&[array(&[Type::Text], Element::Value(Type::Long), 10, false)]);
    let (mut b, _) = Builder::new(&[]);
    for (key, value) in [("pear", 2), ("fig", 9), ("apple", 2), ("kiwi", -5), ("plum", 2)] {
        let (key, value) = (b.text(key), b.long(value));
        b.perform(Op::ElementSet(G0, vec![key], value));
    }
    let limit = limit.map(|limit| b.long(limit));
    each(&mut b, G0, Type::Long, Op::Iterate { global: G0, slice: vec![], order, limit });
    world.output(&b.body).trim_end().to_owned()
}

#[test]
fn orders_and_limits() {
    let by = |by, ascending| Some(Order { by, ascending });
    let value = OrderBy::Value(AggregateFn::Count);
    assert_eq!(sorted(None, None), "pear=2 fig=9 apple=2 kiwi=-5 plum=2");
    assert_eq!(sorted(by(OrderBy::Key(0), true), None), "apple=2 fig=9 kiwi=-5 pear=2 plum=2");
    assert_eq!(sorted(by(OrderBy::Key(0), false), Some(2)), "plum=2 pear=2");
    assert_eq!(sorted(by(value, true), None), "kiwi=-5 pear=2 apple=2 plum=2 fig=9");
    assert_eq!(sorted(by(value, false), None), "fig=9 pear=2 apple=2 plum=2 kiwi=-5");
    assert_eq!(sorted(by(value, false), Some(99)), "fig=9 pear=2 apple=2 plum=2 kiwi=-5");
    assert_eq!(sorted(None, Some(0)), "");
    assert_eq!(sorted(None, Some(-1)), "");
}

#[test]
fn scalars() {
    let shapes = [scalar(40), GlobalShape::Scalar(Constant::Text(b"start".to_vec()))];
    let mut world = World::with_globals(&shapes);
    let (mut b, _) = Builder::new(&[]);
    let two = b.long(2);
    let sum = b.give(Type::Long, Op::Add(G0, two));
    b.print(sum);
    let text = b.give(Type::Text, Op::Get(G1));
    b.print(text);
    let longer = b.give(Type::Text, Op::Concat(text, text));
    b.perform(Op::Set(G1, longer));
    assert_eq!(world.output(&b.body), "42\nstart\n");
    assert_eq!(world.output(&b.body), "44\nstartstart\n");
    b.perform(Op::Clear(G0));
    b.perform(Op::Clear(G1));
    world.output(&b.body);
    assert_eq!(world.output(&b.body), "2\n\n");
}

#[test]
fn elements() {
    let mut world = World::with_globals(&[array(&[Type::Text, Type::Long], Element::Value(Type::Long), 2, false)]);
    let (mut b, _) = Builder::new(&[]);
    let (name, cpu, other, three) = (b.text("sh"), b.long(1), b.long(2), b.long(3));
    for op in [
        Op::ElementGet(G0, vec![name, cpu]),
        Op::Contains(G0, vec![name, cpu]),
        Op::ElementAdd(G0, vec![name, cpu], three),
        Op::ElementAdd(G0, vec![name, cpu], three),
        Op::Contains(G0, vec![name, cpu]),
        Op::ContainsSlice(G0, vec![None, Some(cpu)]),
        Op::ContainsSlice(G0, vec![None, Some(other)]),
        Op::ElementAdd(G0, vec![name, other], three),
    ] {
        let value = b.give(Type::Long, op);
        b.print(value);
    }
    b.perform(Op::DeleteSlice(G0, vec![Some(name), Some(cpu)]));
    let gone = b.give(Type::Long, Op::ContainsSlice(G0, vec![None, Some(cpu)]));
    b.print(gone);
    b.perform(Op::ElementSet(G0, vec![name, three], three));
    b.perform(Op::ElementDelete(G0, vec![name, other]));
    b.perform(Op::ElementSet(G0, vec![name, cpu], three));
    b.perform(Op::ElementSet(G0, vec![name, other], three));
    assert_eq!(world.output(&b.body), "0\n0\n3\n6\n1\n1\n0\n3\n0\nERROR at 77: Array overflow, check size limit (2)\n");
}

#[test]
fn a_wrapping_array_drops_its_oldest() {
    let mut world = World::with_globals(&[array(&[Type::Text], Element::Value(Type::Text), 2, true)]);
    let (mut b, _) = Builder::new(&[]);
    for key in ["a", "b", "a", "c", "d"] {
        let key = b.text(key);
        b.perform(Op::ElementSet(G0, vec![key], key));
    }
    each(&mut b, G0, Type::Text, Op::Iterate { global: G0, slice: vec![], order: None, limit: None });
    assert_eq!(world.output(&b.body), "c=c d=d ");
}

#[test]
fn slices() {
    let keys = [Type::Text, Type::Long];
    let mut world = World::with_globals(&[array(&keys, Element::Value(Type::Long), 10, false)]);
    let (mut b, _) = Builder::new(&[]);
    for (name, cpu) in [("a", 1), ("b", 2), ("c", 1)] {
        let (name, cpu) = (b.text(name), b.long(cpu));
        b.perform(Op::ElementSet(G0, vec![name, cpu], cpu));
    }
    let cpu = b.long(1);
    let slice = vec![None, Some(cpu)];
    each(&mut b, G0, Type::Long, Op::Iterate { global: G0, slice, order: None, limit: None });
    assert_eq!(world.output(&b.body), "a=1 c=1 ");
}

#[test]
fn aggregates() {
    let linear = LinearBounds { start: 0, stop: 30, interval: 10 };
    let shape = AggregateShape { linear: Some(linear), ..every() };
    let shapes = [GlobalShape::Aggregate(shape), array(&[Type::Text], Element::Aggregate(every()), 10, false)];
    let mut world = World::with_globals(&shapes);
    let (mut b, _) = Builder::new(&[]);
    for (key, value) in [("a", 5), ("b", 100), ("a", 7), ("a", -1)] {
        let (key, value) = (b.text(key), b.long(value));
        b.perform(Op::Accumulate(G0, vec![], value));
        b.perform(Op::Accumulate(G1, vec![key], value));
    }
    let (key, missing) = (b.text("a"), b.text("z"));
    for function in [AggregateFn::Count, AggregateFn::Sum, AggregateFn::Min, AggregateFn::Max, AggregateFn::Avg] {
        for (global, keys) in [(G0, vec![]), (G1, vec![key])] {
            let value = b.give(Type::Long, Op::Aggregate(global, keys, function));
            b.print(value);
        }
    }
    let none = b.give(Type::Long, Op::Aggregate(G1, vec![missing], AggregateFn::Count));
    b.print(none);
    let index = b.long(67);
    let bucket = b.give(Type::Long, Op::Bucket(G1, vec![key], Histogram::Logarithmic, index));
    b.print(bucket);
    let index = b.long(5);
    let bucket = b.give(Type::Long, Op::Bucket(G0, vec![], Histogram::Linear(linear), index));
    b.print(bucket);
    let order = Some(Order { by: OrderBy::Value(AggregateFn::Sum), ascending: false });
    each(&mut b, G1, Type::Long, Op::Iterate { global: G1, slice: vec![], order, limit: None });
    let drawn = b.give(Type::Text, Op::HistogramText(G0, vec![], Histogram::Linear(linear)));
    b.print(drawn);
    b.perform(Op::Aggregate(G1, vec![missing], AggregateFn::Avg));
    insta::assert_snapshot!(world.output(&b.body), @r#"
    4
    3
    111
    11
    -1
    -1
    100
    7
    27
    3
    0
    2
    1
    b=1 a=3 value |-------------------------------------------------- count
       <0 |@                                                  1
        0 |@@                                                 2
       10 |                                                   0
       20 |                                                   0
       30 |                                                   0
      >30 |@                                                  1


    ERROR at 77: empty aggregate
    "#);
}

#[test]
fn a_bucket_that_is_not_there() {
    for index in [-1, 128] {
        let mut world = World::with_globals(&[GlobalShape::Aggregate(every())]);
        let (mut b, _) = Builder::new(&[]);
        let at = b.long(index);
        b.perform(Op::Bucket(G0, vec![], Histogram::Logarithmic, at));
        assert_eq!(world.output(&b.body), "ERROR at 77: histogram index out of range\n");
    }
}

#[test]
fn an_empty_histogram() {
    let mut world = World::with_globals(&[GlobalShape::Aggregate(every())]);
    let (mut b, _) = Builder::new(&[]);
    b.give(Type::Text, Op::HistogramText(G0, vec![], Histogram::Logarithmic));
    assert_eq!(world.output(&b.body), "ERROR at 0: empty aggregate\n");
}

#[test]
fn a_loop_within_a_loop_starts_afresh_each_time() {
    let shape = array(&[Type::Text], Element::Value(Type::Long), 10, false);
    let mut world = World::with_globals(&[shape.clone(), shape]);
    let (mut b, _) = Builder::new(&[]);
    for (global, key) in [(G0, "a"), (G0, "b"), (G1, "x"), (G1, "y")] {
        let (key, one) = (b.text(key), b.long(1));
        b.perform(Op::ElementSet(global, vec![key], one));
    }
    let over = |global| Op::Iterate { global, slice: vec![], order: None, limit: None };
    let outer = b.give(Type::Long, over(G0));
    let (outer_head, _) = b.block(&[]);
    let (outer_body, _) = b.block(&[]);
    let (inner_head, _) = b.block(&[]);
    let (inner_body, _) = b.block(&[]);
    let (done, _) = b.block(&[]);
    b.end(Terminator::Jump(jump(outer_head, &[])));
    b.fill(outer_head);
    let condition = b.give(Type::Long, Op::Advance(outer));
    b.end(Terminator::Branch { condition, then: jump(outer_body, &[]), otherwise: jump(done, &[]) });
    b.fill(outer_body);
    let inner = b.give(Type::Long, over(G1));
    b.end(Terminator::Jump(jump(inner_head, &[])));
    b.fill(inner_head);
    let condition = b.give(Type::Long, Op::Advance(inner));
    b.end(Terminator::Branch { condition, then: jump(inner_body, &[]), otherwise: jump(outer_head, &[]) });
    b.fill(inner_body);
    let keys = [outer, inner].map(|cursor| b.give(Type::Text, Op::CursorKey(cursor, 0)));
    let both = b.give(Type::Text, Op::Concat(keys[0], keys[1]));
    b.print(both);
    b.end(Terminator::Jump(jump(inner_head, &[])));
    assert_eq!(world.output(&b.body), "ax\nay\nbx\nby\n");
}
