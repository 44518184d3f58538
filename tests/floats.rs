//! That the library's doubles are the processor's: each operation on thousands of pairs, on both sides, compared to the bit.
//!
//! The values come from a generator in the script, so that a failure names its operands. What is not a number is compared with the
//! rules of SystemTap's tapset, which differ from the processor's.

mod systap;

use systap::{can_trace, run, script_over_calls};

/// How many pairs.
const PAIRS: usize = 3000;

const NOT_A_NUMBER: u64 = 0x7ff8_0000_0000_0000;

/// Bits of any kind; exponents near each other; subnormals; special values; few bits of fraction.
const GENERATOR: &str = "
global n
function mix:long (x:long) {
  x += 0x9e3779b97f4a7c15
  x = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9
  x = (x ^ (x >>> 27)) * 0x94d049bb133111eb
  return x ^ (x >>> 31)
}
function double:long (index:long) {
  kind = mix(index)
  bits = mix(index + 0x1000000)
  choice = (kind >>> 8) & 15
  kind &= 7
  if (kind == 4) return (bits & 0x800fffffffffffff) | ((1020 + choice) << 52)
  if (kind == 5) return bits & 0x800fffffffffffff
  if (kind == 7) return (bits & 0x8000000000000000) | ((1020 + choice) << 52) | (0xf00000 << ((bits >> 8) & 31))
  if (kind != 6) return bits
  sign = bits & 0x8000000000000000
  if (choice < 3) return sign
  if (choice < 6) return sign | 0x7ff0000000000000
  if (choice < 8) return sign | 0x7ff0000000000000 | (bits & 0xfffffffffffff)
  if (choice < 10) return sign | 1
  if (choice < 11) return sign | 0x7fefffffffffffff
  if (choice < 13) return sign | 0x10000000000000
  if (choice < 15) return sign | 0x000fffffffffffff
  return sign | 0x3ff0000000000000
}";

/// Runs a body for each pair, on the user side and, if that is possible here, in the kernel; gives the lines of numbers.
fn each_pair(body: &str) -> Vec<Vec<u64>> {
    let user = format!("{GENERATOR}\nprobe begin {{ while (n < {PAIRS}) {{ {body} n++ }} exit() }}");
    let interpreted = run(["run", "-D", "MAXACTION_INTERRUPTIBLE=100000000", "-e", &user]);
    let lines = interpreted.is_quiet().text();
    if can_trace() {
        let kernel = format!(
            "{GENERATOR}\nprobe syscall.getppid {{ if (pid() == target() && execname() == \"calls\") {{ {body} n++ }} }}"
        );
        let checked = run(["check", "-v", "-e", &kernel]);
        assert!(checked.all().contains("syscall.getppid: in the kernel"), "{}", checked.all());
        let loaded = script_over_calls(&kernel, &format!("getppid {PAIRS}"));
        assert!(loaded.is_quiet().text() == lines, "both sides differ: {}", loaded.all());
    }
    let number = |word: &str| u64::from_str_radix(word, 16).expect("the script prints hexadecimal numbers");
    let lines: Vec<_> = lines.lines().map(|line| line.split(' ').map(number).collect()).collect();
    assert_eq!(lines.len(), PAIRS);
    lines
}

/// The bits that an operation must give whose operands and result the processor has.
fn bits(a: u64, b: u64, result: f64) -> u64 {
    let is_nan = |bits: u64| f64::from_bits(bits).is_nan();
    let signals = |bits: u64| is_nan(bits) && bits & 1 << 51 == 0;
    if is_nan(a) || is_nan(b) {
        (if signals(a) || is_nan(a) && !signals(b) { a } else { b }) | 1 << 51
    } else if result.is_nan() {
        NOT_A_NUMBER
    } else {
        result.to_bits()
    }
}

#[test]
fn arithmetic_is_the_processors() {
    let operations = each_pair(
        "a = double(2 * n) b = double(2 * n + 1) printf(\"%x %x %x %x %x %x\\n\", a, b, fp_add(a, b), fp_sub(a, b), fp_mul(a, b), fp_div(a, b))",
    );
    for line in operations {
        let &[a, b, sum, difference, product, quotient] = line.as_slice() else { panic!("{line:?}") };
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        for (given, expected) in [(sum, x + y), (difference, x - y), (product, x * y), (quotient, x / y)] {
            assert_eq!(given, bits(a, b, expected), "{x:e} {y:e}: {a:#x} {b:#x} should give {expected:e}");
        }
    }
}

#[test]
fn remainders_and_roots_are_the_processors() {
    // libm, which is linked in all the same.
    #[expect(unsafe_code, reason = "Rust has no remainder of IEEE 754")]
    unsafe extern "C" {
        safe fn remainder(x: f64, y: f64) -> f64;
    }
    let operations =
        each_pair("a = double(2 * n) b = double(2 * n + 1) printf(\"%x %x %x %x\\n\", a, b, fp_rem(a, b), fp_sqrt(a))");
    for line in operations {
        let &[a, b, rest, root] = line.as_slice() else { panic!("{line:?}") };
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        // A remainder of 0 has the sign of the dividend (IEEE 754, 5.3.1), which glibc forgets for the smallest divisors.
        let expected = remainder(x, y);
        let expected = if expected == 0.0 { expected.copysign(x) } else { expected };
        assert_eq!(rest, bits(a, b, expected), "the remainder of {x:e} and {y:e}: {a:#x} {b:#x}");
        assert_eq!(root, bits(a, a, x.sqrt()), "the root of {x:e}: {a:#x}");
    }
}

#[test]
fn comparisons_are_the_processors() {
    let operations = each_pair(
        "a = double(2 * n) b = n & 1 ? double(2 * n + 1) : a ^ ((n & 2) << 62) printf(\"%x %x %x %x %x\\n\", a, b, fp_eq(a, b), fp_lt(a, b), fp_le(a, b))",
    );
    for line in operations {
        let &[a, b, equal, less, at_most] = line.as_slice() else { panic!("{line:?}") };
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        assert_eq!([equal, less, at_most], [x == y, x < y, x <= y].map(u64::from), "{x:e} {y:e}");
    }
}

#[test]
fn conversions_are_the_processors() {
    let operations = each_pair(
        "a = double(2 * n) m = mix(n) i = m >> (n & 63) printf(\"%x %x %x %x %x %x %x %x %x %x\\n\", a, i, long_to_fp(i), m, fp32_to_fp64(m), fp_to_long(a, 0, 0), fp_to_long(a, 1, 0), fp_to_long(a, 2, 1), fp_to_long(a, 3, 0), fp_to_long(a, 4, 0))",
    );
    for line in operations {
        let &[a, i, double, m, single, even, towards_zero, down, up, away] = line.as_slice() else {
            panic!("{line:?}")
        };
        let x = f64::from_bits(a);
        let rounded = [x.round_ties_even(), x.trunc(), x.floor(), x.ceil(), x.round()].map(|whole| whole as i64 as u64);
        assert_eq!([even, towards_zero, down, up, away], rounded, "{x:e}");
        assert_eq!(double, (i as i64 as f64).to_bits(), "{i:#x}");
        let float = f32::from_bits(m as u32);
        let sign = (m >> 31 & 1) << 63;
        let expected =
            if float.is_nan() { sign | NOT_A_NUMBER | (m & 0x7f_ffff) << 29 } else { f64::from(float).to_bits() };
        assert_eq!(single, expected, "{m:#x}");
    }
}
