//! That what the library has from C is C's: numbers in strings, dates and names of errors, on random values against the C library.
//!
//! Values reach the script in arrays, so that the kernel side reads them as the user side does.

mod systap;

use std::ffi::{CStr, CString, c_char, c_int};

use systap::{can_trace, run, script_over_calls};

/// A generator that gives the same in each run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a call gives for each pair of a string and a number, line by line; on both sides, if that is possible here.
fn each(call: &str, values: &[(String, i64)]) -> Vec<String> {
    let count = values.len();
    let fill: String = values
        .iter()
        .enumerate()
        .map(|(at, (text, number))| format!("s[{at}] = \"{}\" v[{at}] = {number}\n", text.escape_default()))
        .collect();
    let globals = format!("global n, s[{count}], v[{count}]\nprobe begin {{ {fill} n = 0 }}");
    let limit = "MAXACTION_INTERRUPTIBLE=10000000";
    let user = format!("{globals} probe timer.ms(1) {{ while (n < {count}) {{ println({call}) n++ }} exit() }}");
    let lines = run(["run", "-D", limit, "-e", &user]).is_quiet().text();
    if can_trace() {
        let kernel = format!(
            "{globals} probe syscall.getppid {{ if (pid() == target() && execname() == \"calls\") {{ println({call}) n++ }} }}"
        );
        let hit = script_over_calls(&kernel, &format!("getppid {count}"));
        assert_eq!(hit.is_quiet().text(), lines, "both sides differ");
    }
    let lines: Vec<_> = lines.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), count);
    lines
}

#[test]
fn numbers_are_read_as_c_reads_them() {
    let mut random = Random(0x5eed);
    let mut pieces =
        vec!["", " ", "\t", "-", "+", "0x", "0X", "0", "z", "Z", "9223372036854775807", "9223372036854775808", "."];
    pieces.extend([
        "1",
        "7",
        "8",
        "9",
        "a",
        "f",
        "g",
        "10",
        "ffffffffffffffff",
        "7fffffffffffffff",
        "1000000000000",
        "_",
    ]);
    let values: Vec<_> = (0..600)
        .map(|at| {
            let text = (0..=random.below(5)).map(|_| pieces[random.below(pieces.len() as u64) as usize]).collect();
            (text, if at % 9 == 0 { 0 } else { 2 + random.below(35) as i64 })
        })
        .collect();
    for (line, (text, base)) in each("strtol(s[n], v[n])", &values).iter().zip(&values) {
        let string = CString::new(text.as_str()).expect("there is no NUL in it");
        // SAFETY: the string ends in NUL, and where the number ends is not asked for.
        #[expect(unsafe_code, reason = "the C library is asked")]
        let expected = unsafe { libc::strtol(string.as_ptr(), std::ptr::null_mut(), *base as c_int) };
        // What does not fit C cuts off at the greatest number, and the kernel, which scripts are to agree with, at the lowest bits.
        if expected != i64::MAX && expected != i64::MIN {
            assert_eq!(*line, expected.to_string(), "{text:?} in base {base}");
        }
    }
}

#[test]
fn dates_are_those_of_c() {
    let mut random = Random(0xda7e);
    let edges = [0, -1, 1, i64::from(i32::MAX), i64::from(i32::MIN), 951_782_400, 951_868_800, 68_169_600];
    let seconds = edges.into_iter().chain((0..500).map(|_| random.below(1 << 32) as i64 - (1 << 31)));
    let values: Vec<_> = seconds.map(|seconds| (String::new(), seconds)).collect();
    for (line, (_, seconds)) in each("s[n] . ctime(v[n])", &values).iter().zip(&values) {
        let mut text = [0 as c_char; 64];
        // SAFETY: both are written before they are read; the buffer's length is given; the format ends in NUL.
        #[expect(unsafe_code, reason = "the C library is asked")]
        let expected = unsafe {
            let mut date = std::mem::zeroed();
            libc::gmtime_r(seconds, &mut date);
            libc::strftime(text.as_mut_ptr(), text.len(), c"%a %b %e %H:%M:%S %Y".as_ptr(), &date);
            CStr::from_ptr(text.as_ptr())
        };
        assert_eq!(line.as_str(), expected.to_string_lossy(), "{seconds}");
    }
}

#[test]
#[cfg(target_env = "gnu")]
fn errors_have_the_numbers_that_c_gives_them() {
    #[expect(unsafe_code, reason = "the C library is asked")]
    unsafe extern "C" {
        safe fn strerrorname_np(number: c_int) -> *const c_char;
    }
    let (mut asked, mut expected) = (String::new(), String::new());
    for number in 1..=133 {
        let name = strerrorname_np(number);
        if name.is_null() {
            continue;
        }
        // SAFETY: a name that is not null is a static string.
        #[expect(unsafe_code, reason = "the C library is asked")]
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        asked.push_str(&format!("println(@const(\"{name}\")) "));
        expected.push_str(&format!("{number}\n"));
    }
    run(["run", "-g", "-e", &format!("probe begin {{ {asked} exit() }}")]).prints(&expected);
}

#[test]
fn wide_strings_are_read_as_rust_reads_them() {
    if !can_trace() {
        return;
    }
    let mut random = Random(0x16);
    let ranges = [0x20..0x7f, 0x80..0x800, 0x800..0xd800, 0xe000..0x1_0000, 0x1_0000..0x11_0000];
    let mut text = || -> String {
        let mut character = || {
            let range = ranges[random.below(5) as usize].clone();
            char::from_u32(range.start + random.below(u64::from(range.end - range.start)) as u32)
        };
        (0..60).map(|_| character().expect("no surrogate is in the ranges")).collect()
    };
    let texts: Vec<String> = (0..40).map(|_| text()).collect();
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (name, bytes) in [
        (
            "utf16",
            texts.iter().map(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()).collect::<Vec<Vec<u8>>>(),
        ),
        (
            "utf32",
            texts.iter().map(|text| text.chars().flat_map(|one| u32::from(one).to_le_bytes()).collect()).collect(),
        ),
    ] {
        // Each string is what one call writes, and zeros behind it.
        let path = folder.path().join(name);
        let blocks: Vec<u8> = bytes
            .into_iter()
            .flat_map(|mut block| {
                block.resize(512, 0);
                block
            })
            .collect();
        std::fs::write(&path, blocks).expect("a file can be written");
        let script =
            format!("probe syscall.write {{ if (pid() == target() && $fd == 1) println(user_string_{name}($buf)) }}");
        let line = format!("dd if={} of=/dev/null bs=512 status=none", path.display());
        run(["run", "-c", &line, "-e", &script]).prints(&(texts.join("\n") + "\n"));
    }
}

#[test]
fn units_that_are_no_characters_are_errors() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (high, low): (u16, u16) = (0xd83d, 0xdca9);
    let utf16 = [vec![high], vec![low], vec![0x61, high, 0x62], vec![high, high, low], vec![high, low], vec![0xffff]];
    let utf32: [Vec<u32>; 6] =
        [vec![0x11_0000], vec![0xd800], vec![0x61, 0xdfff], vec![u32::MAX], vec![0x10_ffff], vec![0xffff]];
    for (name, blocks) in [
        ("utf16", utf16.map(|units| units.into_iter().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())),
        ("utf32", utf32.map(|units| units.into_iter().flat_map(u32::to_le_bytes).collect())),
    ] {
        let path = folder.path().join(name);
        let block = |mut bytes: Vec<u8>| {
            bytes.resize(32, 0);
            bytes
        };
        std::fs::write(&path, blocks.into_iter().flat_map(block).collect::<Vec<u8>>()).expect("a file can be written");
        let script = format!(
            "probe syscall.write {{ if (pid() == target() && $fd == 1) try {{ println(strlen(user_string_{name}($buf))) }} catch {{ println(\"no\") }} }}"
        );
        let line = format!("dd if={} of=/dev/null bs=32 status=none", path.display());
        run(["run", "-c", &line, "-e", &script]).prints("no\nno\nno\nno\n4\n3\n");
    }
}
