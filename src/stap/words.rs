//! Words of a command line to options and operands, by the table, as `getopt_long` reads them: short options in clusters,
//! long ones by any beginning that is theirs alone, options behind operands too, until `--`.
//!
//! Must never act on an option.

use super::table::{Accepts, Row, Takes, rows};

/// A command line that makes no sense; a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misuse(pub(crate) String);

/// An option that was given, and its value.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) row: &'static Row,
    pub(crate) value: Option<String>,
}

/// A command line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) options: Vec<Given>,
    pub(crate) operands: Vec<String>,
}

/// Reads a command line without the program's name.
pub(crate) fn read(words: &[String]) -> Result<Line, Misuse> {
    let mut line = Line::default();
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if word == "--" {
            line.operands.extend(words.map(str::to_owned));
            break;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let row = long_row(name)?;
            let value = match (row.takes, value) {
                (Takes::Nothing, Some(_)) => return Err(Misuse(format!("`--{name}` takes no value"))),
                (Takes::Value(what), None) => Some(words.next().ok_or_else(|| lacks(row, what))?),
                (_, value) => value,
            };
            line.give(row, value)?;
        } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            for (at, letter) in cluster.char_indices() {
                let row = rows().find(|row| row.short == Some(letter));
                let row = row.ok_or_else(|| Misuse(format!("there is no option `-{letter}`")))?;
                let rest = &cluster[at + letter.len_utf8()..];
                match row.takes {
                    Takes::Value(_) if !rest.is_empty() => {
                        line.give(row, Some(rest))?;
                        break;
                    }
                    Takes::Value(what) => line.give(row, Some(words.next().ok_or_else(|| lacks(row, what))?))?,
                    Takes::Nothing | Takes::Perhaps(_) => line.give(row, None)?,
                }
            }
        } else {
            line.operands.push(word.to_owned());
        }
    }
    Ok(line)
}

fn lacks(row: &Row, what: &str) -> Misuse {
    Misuse(format!("`{}` needs a value: {what}", row.name()))
}

fn long_row(name: &str) -> Result<&'static Row, Misuse> {
    let mut near = vec![];
    for row in rows() {
        for long in row.long {
            if *long == name {
                return Ok(row);
            }
            if long.starts_with(name) && !name.is_empty() {
                near.push((row, *long));
            }
        }
    }
    match near.as_slice() {
        [(row, _)] => Ok(row),
        [] => {
            let known = rows().flat_map(|row| row.long.iter().copied());
            let hint = systap_diagnostics::nearest(name, known).map(|near| format!(": did you mean `--{near}`?"));
            Err(Misuse(format!("there is no option `--{name}`{}", hint.unwrap_or_default())))
        }
        several if several.iter().all(|(row, _)| std::ptr::eq(*row, several[0].0)) => Ok(several[0].0),
        several => {
            let names: Vec<String> = several.iter().map(|(_, long)| format!("--{long}")).collect();
            Err(Misuse(format!("`--{name}` could be {}", names.join(" or "))))
        }
    }
}

impl Line {
    fn give(&mut self, row: &'static Row, value: Option<&str>) -> Result<(), Misuse> {
        if let Some(value) = value
            && let Err(wanted) = accepts(row.accepts, value)
        {
            return Err(Misuse(format!("`{}` takes {wanted}, not `{value}`", row.name())));
        }
        self.options.push(Given { row, value: value.map(str::to_owned) });
        Ok(())
    }
}

/// Whether a value will do; what would, if not.
fn accepts(kind: Accepts, value: &str) -> Result<(), String> {
    let (fits, wanted) = match kind {
        Accepts::Anything => (true, String::new()),
        Accepts::Something => (!value.is_empty(), "something".to_owned()),
        Accepts::Number(least, most) => {
            let wanted = match (least, most) {
                (0, u64::MAX) => "a number".to_owned(),
                (least, u64::MAX) => format!("a number from {least}"),
                (least, most) => format!("a number from {least} to {most}"),
            };
            (number(value).is_some_and(|number| (least..=most).contains(&number)), wanted)
        }
        Accepts::OneOf(known) => (known.contains(&value), format!("one of {}", known.join(", "))),
        Accepts::OneOfOrNumber(known) => {
            let fits = known.contains(&value) || number(value).is_some_and(|number| number > 0);
            (fits, format!("a number greater than 0 or one of {}", known.join(", ")))
        }
        Accepts::Assignment => {
            let fits = value.split_once('=').is_some_and(|(name, value)| is_name(name) && !value.is_empty());
            (fits, "NAME=VALUE".to_owned())
        }
        Accepts::Macro => {
            let (name, text) = value.split_once('=').map_or((value, None), |(name, text)| (name, Some(text)));
            let plain = |text: &str| {
                let text = text.strip_prefix('-').unwrap_or(text);
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            };
            (is_name(name) && text.is_none_or(plain), "NAME or NAME=VALUE".to_owned())
        }
        Accepts::ModuleName => {
            let stem = value.strip_suffix(".ko").or_else(|| value.strip_suffix(".so")).unwrap_or(value);
            let fits = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            (fits, "letters, digits and underscores".to_owned())
        }
        Accepts::Rotation => {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let fits = match value.split_once(',') {
                Some((size, count)) => digits(size) && digits(count),
                None => digits(value),
            };
            (fits, "SIZE or SIZE,COUNT".to_owned())
        }
        Accepts::Digits => {
            let fits = (1..=5).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
            (fits, "one to five digits".to_owned())
        }
    };
    if fits { Ok(()) } else { Err(wanted) }
}

/// A C identifier.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A number as C's strtoul reads it with base 0.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(&text[1..], 8).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<Line, Misuse> {
        read(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    fn shown(text: &str) -> String {
        let line = line(text).expect("it makes sense");
        let options = line.options.iter().map(|given| match &given.value {
            Some(value) => format!("{}={value}", given.row.name()),
            None => given.row.name(),
        });
        format!("{} | {}", options.collect::<Vec<_>>().join(" "), line.operands.join(" "))
    }

    fn misuse(text: &str) -> String {
        line(text).expect_err("it makes no sense").0
    }

    #[test]
    fn clusters_and_their_values() {
        assert_eq!(shown("-wp2 a.stp"), "-w -p=2 | a.stp");
        assert_eq!(shown("-gup3 -"), "-g -u -p=3 | -");
        assert_eq!(shown("-p 4 a b c"), "-p=4 | a b c");
        assert_eq!(shown("-vvDMAXACTION=5 -DSTP_NO_OVERLOAD a"), "-v -v -D=MAXACTION=5 -D=STP_NO_OVERLOAD | a");
        assert_eq!(shown("-e x -T 1.5"), "-e=x -T=1.5 | ");
    }

    #[test]
    fn options_behind_the_script_count_until_two_dashes() {
        assert_eq!(shown("a.stp one -p2 two"), "-p=2 | a.stp one two");
        assert_eq!(shown("a.stp -- -p2 --vp"), " | a.stp -p2 --vp");
    }

    #[test]
    fn long_options_by_their_beginnings() {
        assert_eq!(shown("--vp=001 --vp 02 a"), "--vp=001 --vp=02 | a");
        assert_eq!(shown("--color a"), "--color | a");
        assert_eq!(shown("--colo=never a"), "--color=never | a");
        assert_eq!(shown("--skip --rlimit-as=0x100 a"), "--skip-badvars --rlimit-as=0x100 | a");
        assert_eq!(
            misuse("--dump"),
            "`--dump` could be --dump-probe-types or --dump-probe-aliases or --dump-functions"
        );
        assert_eq!(misuse("--skip-badvar5"), "there is no option `--skip-badvar5`: did you mean `--skip-badvars`?");
        assert_eq!(misuse("--unprivileged=1"), "`--unprivileged` takes no value");
    }

    #[test]
    fn values_that_make_no_sense() {
        assert_eq!(misuse("-p6"), "`-p` takes a number from 1 to 5, not `6`");
        assert_eq!(misuse("-p"), "`-p` needs a value: NUM");
        assert_eq!(misuse("-Gx"), "`-G` takes NAME=VALUE, not `x`");
        assert_eq!(misuse("-D1x"), "`-D` takes NAME or NAME=VALUE, not `1x`");
        assert_eq!(misuse("-S5,"), "`-S` takes SIZE or SIZE,COUNT, not `5,`");
        assert_eq!(misuse("-ma-b"), "`-m` takes letters, digits and underscores, not `a-b`");
        assert_eq!(misuse("--vp=1a"), "`--vp` takes one to five digits, not `1a`");
        assert_eq!(misuse("--runtime=java"), "`--runtime` takes one of kernel, bpf, dyninst, not `java`");
        assert_eq!(misuse("-z"), "there is no option `-z`");
        for fine in ["-m a.ko", "--download-debuginfo=50", "--monitor", "-s4095", "-DX=-1", "--rlimit-cpu=077"] {
            assert!(line(fine).is_ok(), "{fine}");
        }
    }
}
