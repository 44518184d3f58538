//! Jumps, loops and calls.

use super::*;
use systap_ir::program::{BinaryOp, CompareOp};

/// `for (i = 0; i < count; i++) sum += i`, then the sum is written.
fn counting(count: i64) -> Body {
    let (mut b, _) = Builder::new(&[]);
    let (head, params) = b.block(&[Type::Long, Type::Long]);
    let (step, _) = b.block(&[]);
    let (done, _) = b.block(&[]);
    let (zero, most) = (b.long(0), b.long(count));
    b.end(Terminator::Jump(jump(head, &[zero, zero])));
    b.fill(head);
    let condition = b.give(Type::Long, Op::Compare(CompareOp::Less, params[0], most));
    b.end(Terminator::Branch { condition, then: jump(step, &[]), otherwise: jump(done, &[]) });
    b.fill(step);
    let sum = b.give(Type::Long, Op::Binary(BinaryOp::Add, params[1], params[0]));
    let one = b.long(1);
    let next = b.give(Type::Long, Op::Binary(BinaryOp::Add, params[0], one));
    b.end(Terminator::Jump(jump(head, &[next, sum])));
    b.fill(done);
    b.print(params[1]);
    b.body
}

/// A world without MAXACTION.
fn unhurried() -> World {
    let mut world = World::default();
    world.limits.suppress_time();
    world
}

#[test]
fn ten_million_iterations() {
    let begun = std::time::Instant::now();
    assert_eq!(unhurried().output(&counting(10_000_000)), "49999995000000\n");
    eprintln!("10 million iterations: {:?}", begun.elapsed());
}

#[test]
fn an_endless_loop_can_be_interrupted() {
    let mut world = unhurried();
    world.host.impatient = true;
    assert_eq!(world.output(&counting(i64::MAX)), "ERROR at 0: interrupted while looping\n");
}

#[test]
fn what_a_jump_passes_moves_at_once() {
    let (mut b, _) = Builder::new(&[]);
    let types = [Type::Long, Type::Long, Type::Text, Type::Text];
    let (head, p) = b.block(&types);
    let (again, _) = b.block(&[]);
    let (done, _) = b.block(&[]);
    let start = [b.long(1), b.long(0), b.text("x"), b.text("y")];
    b.end(Terminator::Jump(jump(head, &start)));
    b.fill(head);
    b.print(p[0]);
    b.print(p[2]);
    b.end(Terminator::Branch { condition: p[0], then: jump(again, &[]), otherwise: jump(done, &[]) });
    b.fill(again);
    b.end(Terminator::Jump(jump(head, &[p[1], p[0], p[3], p[2]])));
    assert_eq!(World::default().output(&b.body), "1\nx\n0\ny\n");
}

/// `function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }`
fn fibonacci(itself: FunctionId) -> Body {
    let (mut b, n) = Builder::new(&[Type::Long]);
    let (small, _) = b.block(&[]);
    let (large, _) = b.block(&[]);
    let two = b.long(2);
    let condition = b.give(Type::Long, Op::Compare(CompareOp::Less, n[0], two));
    b.end(Terminator::Branch { condition, then: jump(small, &[]), otherwise: jump(large, &[]) });
    b.fill(small);
    b.end(Terminator::Return(Some(n[0])));
    b.fill(large);
    let (one, two) = (b.long(1), b.long(2));
    let less = b.give(Type::Long, Op::Binary(BinaryOp::Subtract, n[0], one));
    let lesser = b.give(Type::Long, Op::Binary(BinaryOp::Subtract, n[0], two));
    let first = b.give(Type::Long, Op::Call(itself, vec![less]));
    let second = b.give(Type::Long, Op::Call(itself, vec![lesser]));
    let sum = b.give(Type::Long, Op::Binary(BinaryOp::Add, first, second));
    b.end(Terminator::Return(Some(sum)));
    b.body
}

#[test]
fn recursion() {
    let mut world = unhurried();
    let fib = world.function("fib", Some(Type::Long), fibonacci(FunctionId(0)));
    let (mut b, _) = Builder::new(&[]);
    let n = b.long(20);
    let result = b.give(Type::Long, Op::Call(fib, vec![n]));
    b.print(result);
    b.print(n);
    assert_eq!(world.output(&b.body), "6765\n20\n");
    world.limits.nesting = 19;
    assert!(world.output(&b.body).ends_with("MAXNESTING exceeded\n"));
    world.limits.nesting = 20;
    assert_eq!(world.output(&b.body), "6765\n20\n");
}

#[test]
fn endless_recursion_is_an_error_however_deep_it_may_go() {
    let mut world = unhurried();
    world.limits.nesting = 100_000;
    let (mut b, s) = Builder::new(&[Type::Text]);
    let more = b.text("x");
    let longer = b.give(Type::Text, Op::Concat(s[0], more));
    let deeper = b.give(Type::Text, Op::Call(FunctionId(0), vec![longer]));
    b.end(Terminator::Return(Some(deeper)));
    let endless = world.function("endless", Some(Type::Text), b.body);
    let (mut b, _) = Builder::new(&[]);
    let empty = b.text("");
    b.perform(Op::Call(endless, vec![empty]));
    assert_eq!(world.output(&b.body), "ERROR at 3: MAXNESTING exceeded\n");
    // The interpreter is as good as new.
    assert_eq!(world.output(&counting(3)), "3\n");
}

#[test]
fn a_function_without_a_value_gives_zero_or_nothing() {
    let mut world = World::default();
    let (b, _) = Builder::new(&[]);
    let long = world.function("long", Some(Type::Long), b.body.clone());
    let text = world.function("text", Some(Type::Text), b.body);
    let (mut b, _) = Builder::new(&[]);
    for (function, ty) in [(long, Type::Long), (text, Type::Text)] {
        let value = b.give(ty, Op::Call(function, vec![]));
        b.print(value);
    }
    assert_eq!(world.output(&b.body), "0\n\n");
}

#[test]
fn strings_pass_through_calls() {
    let mut world = World::default();
    let (mut b, p) = Builder::new(&[Type::Text, Type::Long]);
    let pieces = [ConversionKind::Text, ConversionKind::Signed].map(|k| Piece::Conversion(Conversion::plain(k)));
    let joined = b.give(Type::Text, Op::Format(Format { pieces: pieces.to_vec() }, vec![p[0], p[1]]));
    b.end(Terminator::Return(Some(joined)));
    let tag = world.function("tag", Some(Type::Text), b.body);
    let (mut b, p) = Builder::new(&[Type::Text, Type::Long]);
    let once = b.give(Type::Text, Op::Call(tag, vec![p[0], p[1]]));
    let twice = b.give(Type::Text, Op::Call(tag, vec![once, p[1]]));
    b.print(twice);
    b.print(p[0]);
    world.run(&b.body, &["cpu".into(), 7.into()]).unwrap();
    assert_eq!(world.host.output, b"cpu77\ncpu\n");
}
