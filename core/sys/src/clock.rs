//! The kernel's clocks, in nanoseconds, and the constants that go with them.
//!
//! It must never mix clocks: BPF's `ktime_get_ns` is the monotonic one, `ktime_get_boot_ns` the boot-time one.

use crate::SysError;

/// CLOCK_MONOTONIC: nanoseconds since some point at boot, without time spent suspended.
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// CLOCK_BOOTTIME: nanoseconds since boot, with time spent suspended.
pub fn boottime_ns() -> u64 {
    read(libc::CLOCK_BOOTTIME)
}

/// CLOCK_REALTIME: nanoseconds since the Epoch; it may be set back.
pub fn realtime_ns() -> u64 {
    read(libc::CLOCK_REALTIME)
}

/// How many seconds TAI is ahead of UTC, as the kernel was told; 0 where nobody told it.
///
/// # Errors
/// Where adjtimex(2) is filtered away.
pub fn tai_offset_seconds() -> Result<i64, SysError> {
    // SAFETY: timex is integers only, for which all zeroes is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live timex; its modes are 0, so the call only reports.
    if unsafe { libc::adjtimex(&mut state) } < 0 {
        return Err(SysError::last("read the TAI offset"));
    }
    Ok(i64::from(state.tai))
}

/// How many clock ticks of `/proc` and `times(2)` make a second (USER_HZ, 100 nearly everywhere).
pub fn clock_ticks_per_second() -> u64 {
    // SAFETY: sysconf only reads a constant of the system.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).unwrap_or(100)
}

/// How often a second the kernel's own tick comes (CONFIG_HZ): the coarse clocks move by one tick at a time, and say by how
/// much (`TICK_NSEC`, kernel/time/posix-timers.c).
pub fn ticks_per_second() -> Option<u32> {
    let mut tick = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call fills.
    let failed = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &mut tick) } != 0;
    let nanoseconds = u64::try_from(tick.tv_nsec).ok().filter(|tick| !failed && *tick > 0)?;
    u32::try_from((1_000_000_000 + nanoseconds / 2) / nanoseconds).ok()
}

/// A time zone at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Seconds by which UTC is ahead of its time: west of Greenwich more than 0.
    pub west: i64,
    /// What it is called: `CET`.
    pub name: String,
}

/// The time zone of this process at a moment, in seconds since the Epoch: that of `TZ`, or the machine's (tzset(3)).
/// UTC for moments that have no date.
pub fn zone(seconds: i64) -> Zone {
    // SAFETY: `tm` is integers and a pointer, for which all zeroes is a value.
    let mut parts: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values for the length of the call.
    let known = !unsafe { libc::localtime_r(&seconds, &mut parts) }.is_null() && !parts.tm_zone.is_null();
    if !known {
        return Zone { west: 0, name: "UTC".to_owned() };
    }
    // SAFETY: the C library keeps the names of time zones, NUL included, as long as the process lives.
    let name = unsafe { std::ffi::CStr::from_ptr(parts.tm_zone) };
    Zone { west: -parts.tm_gmtoff, name: name.to_string_lossy().into_owned() }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec, which the call fills; these clocks exist on every kernel we run on,
    // so it cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn clocks_agree_with_the_standard_library() {
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let now = u128::from(realtime_ns());
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        assert!(before <= now && now <= after, "{before} {now} {after}");
    }

    #[test]
    fn the_zone_is_that_of_date() {
        let now = (realtime_ns() / 1_000_000_000).cast_signed();
        let Ok(date) = std::process::Command::new("date").args(["-d", &format!("@{now}"), "+%z %Z"]).output() else {
            return eprintln!("skipped: there is no date(1)");
        };
        let zone = zone(now);
        let (sign, minutes) = (if zone.west > 0 { '-' } else { '+' }, zone.west.unsigned_abs() / 60);
        let expected = format!("{sign}{:02}{:02} {}\n", minutes / 60, minutes % 60, zone.name);
        assert_eq!(String::from_utf8_lossy(&date.stdout), expected);
        assert_eq!(super::zone(i64::MAX).name, "UTC");
    }

    #[test]
    fn monotonic_time_passes() {
        let before = monotonic_ns();
        std::thread::sleep(Duration::from_millis(5));
        assert!(monotonic_ns() - before >= 5_000_000);
        assert!(boottime_ns() + 1_000_000 >= monotonic_ns());
    }

    #[test]
    fn constants_are_in_their_ranges() {
        assert!((0..100).contains(&tai_offset_seconds().unwrap()));
        assert!((24..=10_000).contains(&clock_ticks_per_second()));
        // Every CONFIG_HZ that a kernel can be configured with, over all architectures.
        let rates = [24, 48, 100, 128, 200, 250, 256, 300, 500, 1000, 1024];
        assert!(rates.contains(&ticks_per_second().unwrap()), "{:?}", ticks_per_second());
    }
}
