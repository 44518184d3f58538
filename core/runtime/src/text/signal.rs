//! Signals by name, as x86_64 numbers them (`signal(7)`). It must never send one.

use systap_kernel::signal::NAMES;

/// The name of a signal: `SIGTERM`, or `SIGRT_2` for the third real-time signal; `None` for what is not a signal.
pub fn name(number: i64) -> Option<String> {
    match number {
        32..=64 => Some(format!("SIGRT_{}", number - 32)),
        _ => {
            let at = usize::try_from(number).ok()?.checked_sub(1)?;
            NAMES.get(at).map(|name| (*name).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_names() {
        let names = [0, 1, 9, 15, 17, 31, 32, 34, 64, 65, -9].map(name);
        let names = names.map(|name| name.unwrap_or_default());
        let expected =
            ["", "SIGHUP", "SIGKILL", "SIGTERM", "SIGCHLD", "SIGSYS", "SIGRT_0", "SIGRT_2", "SIGRT_32", "", ""];
        assert_eq!(names, expected);
    }
}
