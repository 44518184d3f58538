//! Moments as people write them, in the time zone of this machine.
//!
//! It must never keep anything: each call reads the zone anew.

use std::ffi::CString;

/// The longest text that is given.
const LONGEST: usize = 4096;

/// That moment (nanoseconds since the Epoch) as strftime(3) writes it, in local time; `None` if the text is too long, or empty.
pub fn local_time(format: &str, nanoseconds: u64) -> Option<String> {
    let format = CString::new(format).ok()?;
    let seconds = libc::time_t::try_from(nanoseconds / 1_000_000_000).ok()?;
    // SAFETY: a `tm` is integers and a pointer, for which all zeroes is a value.
    let mut fields: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values; the call reads the first and fills the second.
    if unsafe { libc::localtime_r(&seconds, &mut fields) }.is_null() {
        return None;
    }
    let mut text = vec![0_u8; LONGEST];
    // SAFETY: the buffer is as long as is said, the format ends in NUL, and `fields` was filled above.
    let length = unsafe { libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &fields) };
    text.truncate(length);
    String::from_utf8(text).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::local_time;

    #[test]
    fn writes_what_it_is_asked_for() {
        // 2001-09-09 is near a year's middle: every zone has that year.
        let moment = 1_000_000_000 * 1_000_000_000;
        assert_eq!(local_time("out_%Y%%.log", moment).as_deref(), Some("out_2001%.log"));
        assert_eq!(local_time("%s", moment).as_deref(), Some("1000000000"));
        assert_eq!(local_time("", moment), None);
        assert_eq!(local_time("a\0b", moment), None);
    }
}
