//! Which processors the kernel can have, and which it has now.
//!
//! It must never ask the C library: its counts follow the process's affinity or a container's view, but the layout of
//! per-CPU map values follows the kernel's.

use std::sync::OnceLock;

use crate::SysError;

/// More processors than any kernel can be built for (CONFIG_NR_CPUS is at most 8192): a larger number is a broken file.
const MOST_CPUS: u32 = 1 << 16;

/// How many processors the kernel can ever have: the number of values that a lookup in a per-CPU map gives.
///
/// # Errors
/// Where sysfs cannot be read or says nonsense (EINVAL).
pub fn possible_cpus() -> Result<usize, SysError> {
    static COUNT: OnceLock<usize> = OnceLock::new();
    if let Some(count) = COUNT.get() {
        return Ok(*count);
    }
    let count = read_list("/sys/devices/system/cpu/possible")?.len();
    Ok(*COUNT.get_or_init(|| count))
}

/// The numbers of the processors that run now, ascending.
///
/// # Errors
/// As [`possible_cpus`].
pub fn online_cpus() -> Result<Vec<u32>, SysError> {
    read_list("/sys/devices/system/cpu/online")
}

fn read_list(path: &str) -> Result<Vec<u32>, SysError> {
    const WHAT: &str = "read the list of processors";
    let text = std::fs::read_to_string(path).map_err(|error| SysError::from_io(WHAT, &error))?;
    parse_list(&text).ok_or(SysError::new(WHAT, libc::EINVAL))
}

/// Parses the kernel's list form, `0-3,8`: ascending ranges, at least one processor.
fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus: Vec<u32> = Vec::new();
    for range in text.trim_end().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST_CPUS || cpus.last().is_some_and(|previous| *previous >= first) {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_kernels_lists() {
        assert_eq!(parse_list("0\n"), Some(vec![0]));
        assert_eq!(parse_list("0-1\n"), Some(vec![0, 1]));
        assert_eq!(parse_list("0-2,5,7-8\n"), Some(vec![0, 1, 2, 5, 7, 8]));
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["", "\n", "a", "0-", "3-1", "0,0", "0-4294967295", "1,0", "-1", "0;1"] {
            assert_eq!(parse_list(text), None, "{text:?}");
        }
    }

    #[test]
    fn this_machine_has_no_more_online_than_possible() {
        let online = online_cpus().unwrap();
        assert!(!online.is_empty() && online.len() <= possible_cpus().unwrap());
    }
}
