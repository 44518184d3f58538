//! What handlers can reach beyond values and globals.

use super::*;
use crate::user::ErrorKind;
use systap_bpf::artifact::Fault;
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::{Space, Width};

fn intrinsic(b: &mut Builder, ty: Type, which: Intrinsic, args: &[Value]) {
    let value = b.give(ty, Op::Intrinsic(which, args.to_vec()));
    b.print(value);
}

#[test]
fn functions_of_the_runtimes() {
    let output = written(|b| {
        let text = b.text("kernel.trace");
        let dot = b.text(".");
        let empty = b.text("");
        let (three, two, minus) = (b.long(3), b.long(2), b.long(-2));
        let number = b.text("0x20");
        let sixteen = b.long(16);
        intrinsic(b, Type::Long, Intrinsic::Strlen, &[text]);
        intrinsic(b, Type::Text, Intrinsic::Substr, &[text, three, two]);
        intrinsic(b, Type::Long, Intrinsic::Isinstr, &[text, dot]);
        intrinsic(b, Type::Long, Intrinsic::Isinstr, &[dot, text]);
        intrinsic(b, Type::Long, Intrinsic::Strpos, &[text, dot]);
        intrinsic(b, Type::Long, Intrinsic::Strpos, &[text, number]);
        intrinsic(b, Type::Long, Intrinsic::Strpos, &[text, empty]);
        intrinsic(b, Type::Text, Intrinsic::StrReplace, &[text, dot, number]);
        intrinsic(b, Type::Long, Intrinsic::Strtol, &[number, sixteen]);
        intrinsic(b, Type::Text, Intrinsic::Ctime, &[two]);
        intrinsic(b, Type::Text, Intrinsic::SyscallName, &[two]);
        intrinsic(b, Type::Text, Intrinsic::SyscallResult, &[two, minus]);
        let (inside, outside) = (b.long(0xffff_0010), b.long(0x10));
        for address in [inside, outside] {
            intrinsic(b, Type::Text, Intrinsic::Symname, &[address]);
            intrinsic(b, Type::Text, Intrinsic::Symdata, &[address]);
        }
        let stack = b.text("0xffff0010 0x10");
        intrinsic(b, Type::Text, Intrinsic::StackText, &[stack]);
        let (one, tid, name) = (b.long(1), b.long(42), b.text("cron"));
        intrinsic(b, Type::Text, Intrinsic::ThreadIndent, &[one, tid, name, three]);
        intrinsic(b, Type::Text, Intrinsic::Indent, &[one, three]);
        intrinsic(b, Type::Text, Intrinsic::Indent, &[one, sixteen]);
        intrinsic(b, Type::Long, Intrinsic::ThreadIndentDepth, &[three, tid]);
        intrinsic(b, Type::Long, Intrinsic::IndentDepth, &[one]);
        intrinsic(b, Type::Text, Intrinsic::ErrnoName, &[minus]);
        intrinsic(b, Type::Text, Intrinsic::ErrnoName, &[outside]);
    });
    insta::assert_snapshot!(output, @r#"
    12
    ne
    1
    0
    6
    -1
    0
    kernel0x20trace
    32
    Thu Jan  1 00:00:02 1970
    open
    -2 (ENOENT)
    do_exit
    do_exit+0x10/0x800
    0x10
    0x10
     0xffff0010 : do_exit+0x10/0x800
     0x10

         0 cron(42):
         0 :
        13 : 
    3
    2
    ENOENT
    EBUSY
    "#);
}

#[test]
fn every_function_is_there() {
    // Each gives a value of the type that its signature names. 2 is something to all of them.
    for which in Intrinsic::ALL {
        let signature = which.signature();
        let (mut b, _) = Builder::new(&[]);
        let zero = |b: &mut Builder, ty: &Type| if *ty == Type::Long { b.long(2) } else { b.text("3333") };
        let args: Vec<Value> = signature.params.iter().map(|ty| zero(&mut b, ty)).collect();
        // There are groups to ask for.
        let (text, pattern) = (b.text("abc"), b.long(0));
        b.perform(Op::NoteMatch { text, pattern });
        match signature.returns {
            Some(ty) => {
                let value = b.give(ty, Op::Intrinsic(*which, args));
                b.print(value);
                let patterns = vec![Arc::new(Regex::new(b"(a)(b)(c)").unwrap())];
                let output = World { patterns, ..World::default() }.output(&b.body);
                // This world has no processes to ask about, no memory at 2, and no packet that still waits for its verdict.
                use Intrinsic::{QuoteKernel, QuoteUser, UserModAddress, UserModBuildId, UserModname, Verdict};
                let refused =
                    matches!(which, UserModname | UserModAddress | UserModBuildId | Verdict | QuoteKernel | QuoteUser);
                assert!(output.ends_with('\n') && output.starts_with("ERROR") == refused, "{which:?}: {output}");
            }
            None => b.perform(Op::Intrinsic(*which, args)),
        }
    }
}

#[test]
fn ways_to_end() {
    let ended = |which: Intrinsic, args: &[&str]| {
        let (mut b, _) = Builder::new(&[]);
        let args: Vec<Value> = args.iter().map(|arg| b.text(arg)).collect();
        b.perform(Op::Intrinsic(which, args));
        let after = b.text("after");
        b.print(after);
        let mut world = World::default();
        let output = world.output(&b.body);
        (output, world.host.exits, world.host.aborts, world.host.warnings)
    };
    assert_eq!(ended(Intrinsic::Exit, &[]), ("after\n".to_owned(), 1, 0, vec![]));
    assert_eq!(ended(Intrinsic::Abort, &[]), (String::new(), 0, 1, vec![]));
    assert_eq!(ended(Intrinsic::Warn, &["mind"]), ("after\n".to_owned(), 0, 0, vec!["mind".to_owned()]));
    assert_eq!(ended(Intrinsic::Error, &["no way"]), ("ERROR at 77: no way\n".to_owned(), 0, 0, vec![]));
}

#[test]
fn facts_come_from_the_host() {
    let (mut b, _) = Builder::new(&[]);
    for context in [Context::Pid, Context::Execname, Context::Stack] {
        let value = b.give(context.ty(), Op::Context(context));
        b.print(value);
    }
    let mut world = World::default();
    world.host.facts.insert("pid", 7.into());
    world.host.facts.insert("execname", "sh".into());
    assert_eq!(world.output(&b.body), "7\nsh\n\n");
}

#[test]
fn memory_is_gone_once_the_event_is_over() {
    let space = Space::Kernel;
    let reads = |space| {
        let (mut b, _) = Builder::new(&[]);
        let base = b.long(0x1000);
        b.give(Type::Long, Op::Load { base, offset: 0, width: Width::W8, signed: false, space, typed: false });
        World::default().output(&b.body)
    };
    let gone = "memory can only be read at the moment of an event, and this handler runs afterwards\n";
    assert_eq!(reads(Space::Kernel), format!("ERROR at 1: kernel {gone}"));
    assert_eq!(reads(Space::User), format!("ERROR at 1: user {gone}"));
    let output = written(|b| {
        let (address, fallback) = (b.long(0x1000), b.text("<unknown>"));
        let text = b.give(Type::Text, Op::ReadText { address, limit: None, space, fallback: Some(fallback) });
        b.print(text);
        let flag = b.give(Type::Long, Op::Readable { base: address, offset: 0, width: Width::W8, space });
        b.print(flag);
        b.perform(Op::CheckRead { flag: address, address, space, text: false });
        b.perform(Op::CheckRead { flag, address, space, text: false });
    });
    assert_eq!(output, "<unknown>\n0\nERROR at 77: kernel read fault at 0x0000000000001000\n");
    let output = written(|b| {
        let address = b.long(0x1000);
        b.give(Type::Text, Op::ReadText { address, limit: None, space, fallback: None });
    });
    assert_eq!(output, format!("ERROR at 1: kernel {gone}"));
    let output = written(|b| {
        b.give(Type::Long, Op::Argument { index: 0, pointer: false });
    });
    assert_eq!(output, "ERROR at 0: there is no event whose argument could be read here\n");
}

#[test]
fn faults_of_the_kernel_side_have_the_same_sentences() {
    let world = World::with_globals(&[array(&[Type::Long], Element::Value(Type::Long), 64, false)]);
    let sentence = |fault: Fault, fields: &[Datum]| {
        String::from_utf8(ErrorKind::of_fault(&fault, fields).message(&world.globals, &world.limits)).unwrap()
    };
    assert_eq!(sentence(Fault::DivisionByZero, &[]), "division by 0");
    assert_eq!(sentence(Fault::Read(Space::User), &[(-1).into()]), "user read fault at 0xffffffffffffffff");
    assert_eq!(sentence(Fault::ArrayFull(G0), &[]), "Array overflow, check size limit (64)");
    assert_eq!(sentence(Fault::ArrayRefused(G0), &[(-16).into()]), "the kernel refused access to 'g0': EBUSY");
    assert_eq!(
        sentence(Fault::ArrayRefused(G1), &[i64::MIN.into()]),
        "the kernel refused access to 'global 1': error 2147483647"
    );
    assert_eq!(sentence(Fault::EmptyAggregate(G0), &[]), "empty aggregate");
    assert_eq!(sentence(Fault::Message, &["mine".into()]), "mine");
    assert_eq!(sentence(Fault::TooManyActions, &[]), "MAXACTION exceeded");
}
