//! The command of `-c`: run by a shell, unless it is so plain that a shell would only start it.

use std::os::unix::fs::PermissionsExt;

use systap_runtime::Target;

/// What to run for `-c`.
///
/// A shell costs about as long as all the rest of a start, so a command without anything for a shell to do is run directly.
pub(crate) fn target(command: &str) -> Target {
    plain_program(command).map_or_else(|| Target::Command(command.to_owned()), Target::Program)
}

/// The program that the command runs, if it is clear which.
fn program(command: &str) -> Option<String> {
    plain_program(command)?.into_iter().next()?.into_string().ok()
}

/// The program that the target runs: that of the command, or the process'.
pub(crate) fn target_program(command: Option<&str>, process: Option<u32>) -> Option<String> {
    match (command, process) {
        (Some(command), _) => program(command),
        (None, Some(process)) => Some(format!("/proc/{process}/exe")),
        (None, None) => None,
    }
}

/// Path and arguments, if the command is words of harmless letters of which the first is a program on the path.
fn plain_program(command: &str) -> Option<Vec<std::ffi::OsString>> {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || " _-./:,+@%=".contains(letter);
    let mut words = command.split(' ').filter(|word| !word.is_empty());
    let name = words.next().filter(|name| command.chars().all(harmless) && !name.contains('='))?;
    let is_program = |path: &std::path::PathBuf| {
        path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    let path = if name.contains('/') {
        Some(std::path::PathBuf::from(name)).filter(is_program)
    } else {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(is_program)
    };
    Some(std::iter::once(path?.into_os_string()).chain(words.map(Into::into)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_do_without_a_shell() {
        let program = |command: &str| plain_program(command);
        assert_eq!(program("/bin/sh -x  a.txt").unwrap(), ["/bin/sh", "-x", "a.txt"]);
        assert!(program("sh").is_some_and(|words| words[0].to_string_lossy().ends_with("/sh")));
        for shell in ["sleep 1; true", "A=1 sh", "cd /", "sh > /dev/null", "sh 'a b'", "no-such-program-anywhere", ""] {
            assert!(program(shell).is_none(), "{shell}");
        }
    }
}
