//! Words that a command line has before anybody reads it: those of the user's `rc` file, and those that the kernel hands over in
//! one piece from a script's first line.
//!
//! Must never expand anything: no variables, no patterns, no commands.

use std::path::{Path, PathBuf};

/// The words of `$SYSTEMTAP_DIR/rc`, by default `~/.systemtap/rc`; none if there is no such file.
pub(crate) fn rc_words() -> Vec<String> {
    let directory = match std::env::var_os("SYSTEMTAP_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => match std::env::var_os("HOME") {
            Some(home) => Path::new(&home).join(".systemtap"),
            None => return vec![],
        },
    };
    std::fs::read_to_string(directory.join("rc")).map(|text| split(&text)).unwrap_or_default()
}

/// The tapset directories of `$SYSTEMTAP_TAPSET`.
pub(crate) fn tapset_directories() -> Vec<PathBuf> {
    let given = std::env::var_os("SYSTEMTAP_TAPSET").filter(|value| !value.is_empty());
    given.map(PathBuf::from).into_iter().collect()
}

/// Undoes what the kernel does with `#!/usr/bin/stap -g -p2`: all that follows the program there comes as one word, before the
/// script's path.
pub(crate) fn interpreter_line(mut words: Vec<String>) -> Vec<String> {
    let [first, script, ..] = words.as_slice() else { return words };
    if !first.starts_with('-') || !first.contains(char::is_whitespace) || !starts_with_interpreter(Path::new(script)) {
        return words;
    }
    let options = split(first);
    words.splice(0..1, options);
    words
}

fn starts_with_interpreter(script: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    std::fs::File::open(script).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// Words as a shell splits them: blanks, quotes, backslashes, comments.
fn split(text: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            blank if blank.is_whitespace() => words.extend(word.take()),
            '#' if word.is_none() => while letters.next().is_some_and(|letter| letter != '\n') {},
            '\'' => word.get_or_insert_default().extend(letters.by_ref().take_while(|letter| *letter != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    match letter {
                        '\\' => word.extend(letters.next()),
                        letter => word.push(letter),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(
            split("-g  --vp 1 # all\n-D 'A B' \"c \\\" d\" e\\ f ''"),
            ["-g", "--vp", "1", "-D", "A B", "c \" d", "e f", ""]
        );
        assert_eq!(split(" \n"), [""; 0]);
        assert_eq!(split("'open"), ["open"]);
    }

    #[test]
    fn an_interpreter_line_comes_apart_only_before_a_script_that_has_one() {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("and a file");
            path.display().to_string()
        };
        let (with, without) = (path("a", "#! stap -g -p2\n"), path("b", "probe begin {}"));
        let line =
            |first: &str, script: &str| interpreter_line(vec![first.to_owned(), script.to_owned(), "x".to_owned()]);
        assert_eq!(line("-g -p2 ", &with), ["-g", "-p2", with.as_str(), "x"]);
        assert_eq!(line("-e probe begin {}", &without)[0], "-e probe begin {}");
    }
}
