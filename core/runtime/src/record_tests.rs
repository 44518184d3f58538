//! Records made by hand, whole and broken.

use super::*;

fn words(words: &[i64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn all<'r>(body: &'r [u8], fields: &[Field]) -> Result<Vec<Value<'r>>, Malformed> {
    Fields::new(body, fields)?.collect()
}

#[test]
fn a_header_is_site_and_cpu() {
    let record = [7u32.to_ne_bytes(), 3u32.to_ne_bytes()].concat();
    assert_eq!(header(&record), Ok((7, 3, &[][..])));
    for length in 0..8 {
        assert_eq!(header(&record[..length]), Err(Malformed { bytes: length }));
    }
}

#[test]
fn fixed_parts_come_first_and_tails_in_order() {
    let fields = [Field::Text, Field::Long, Field::ShortText(16), Field::Text, Field::Stack];
    let mut body = words(&[3, -9]);
    body.extend(b"swapper/0\0\0\0\0\0\0\0");
    body.extend(words(&[9, 16]));
    body.extend(b"abc\0\0\0\0\0");
    body.extend(b"123456789\0\0\0\0\0\0\0");
    body.extend(words(&[0x10, 0x20]));
    let values = all(&body, &fields).unwrap();
    assert_eq!(
        values[..4],
        [Value::Text(b"abc"), Value::Long(-9), Value::Text(b"swapper/0"), Value::Text(b"123456789")]
    );
    let Value::Stack(stack) = values[4] else { panic!("{:?}", values[4]) };
    assert_eq!(stack.iter().collect::<Vec<_>>(), [0x10, 0x20]);
}

#[test]
fn a_stack_that_could_not_be_walked_is_empty() {
    let body = words(&[-14]);
    let Value::Stack(stack) = all(&body, &[Field::Stack]).unwrap()[0] else { panic!() };
    assert_eq!(stack.iter().count(), 0);
}

#[test]
fn a_system_call_has_strings_where_it_says_so() {
    let mut body = words(&[257, -100, 0x7000, 0, 0, 0, 0, -1, 5, -14, 0, -1, 2]);
    body.extend(b"/etc/\0\0\0");
    body.extend(b"ab\0\0\0\0\0\0");
    let fields = [Field::SyscallArguments, Field::Long];
    assert!(all(&body, &fields).is_err(), "the long is missing");
    let Value::Syscall(call) = all(&body, &fields[..1]).unwrap()[0] else { panic!() };
    assert_eq!(call.number(), 257);
    assert_eq!(call.arguments(), [(-100i64).cast_unsigned(), 0x7000, 0, 0, 0, 0]);
    assert_eq!(call.strings(), [None, Some(&b"/etc/"[..]), None, Some(&b""[..]), None, Some(&b"ab"[..])]);
}

#[test]
fn lengths_that_do_not_fit_are_malformed() {
    for length in [17, -1, i64::MAX, i64::MIN] {
        let body = [words(&[length]), vec![b'x'; 16]].concat();
        assert_eq!(all(&body, &[Field::Text]), Err(Malformed { bytes: 32 }), "{length}");
    }
    assert!(all(&words(&[64]), &[Field::Stack]).is_err());
    assert!(all(b"short", &[Field::Long]).is_err());
}

/// Every field mix over random bytes: whatever comes, it ends in values or an error.
#[test]
fn random_bytes_never_panic() {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let kinds = [Field::Long, Field::ShortText(8), Field::Text, Field::Stack, Field::SyscallArguments];
    let (mut whole, mut broken) = (0, 0);
    for _ in 0..20_000 {
        let fields: Vec<Field> = (0..random() % 5).map(|_| kinds[(random() % 5) as usize]).collect();
        let length = random() % 256;
        // Small numbers, so that lengths often fit.
        let body: Vec<u8> = (0..length).map(|at| if at % 8 == 0 { (random() % 24) as u8 } else { 0 }).collect();
        match all(&body, &fields) {
            Ok(values) => {
                whole += 1;
                for value in values {
                    if let Value::Syscall(call) = value {
                        call.strings();
                    }
                }
            }
            Err(_) => broken += 1,
        }
    }
    assert!(whole > 1000 && broken > 1000, "{whole} {broken}");
}
