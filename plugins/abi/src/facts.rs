//! The facts of a kernel that a plugin is told: those that its manifest asks for, release and architecture always.
//!
//! It must never answer what was not asked for as though it were absent: that is an author's mistake, and is said.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec};

/// A named value of an enumeration.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Enumerator {
    /// Its name, `VM_FAULT_OOM`.
    pub name: RString,
    /// Its value; one above `i64::MAX` as its two's complement.
    pub value: i64,
}

/// One kernel, as far as the manifest asked.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct KernelFacts {
    release: RString,
    arch: RString,
    options: RVec<Setting>,
    enums: RVec<Enumeration>,
    present: RVec<Presence>,
}

#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
struct Setting {
    name: RString,
    value: ROption<RString>,
}

#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
struct Enumeration {
    name: RString,
    values: ROption<RVec<Enumerator>>,
}

/// Whether something is there, under the text by which the manifest asks: `function("vfs_read")`.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
struct Presence {
    asked: RString,
    there: bool,
}

impl KernelFacts {
    /// A kernel of which only release (`uname -r`) and architecture (`x86_64`, `aarch64`) are known.
    pub fn new(release: &str, arch: &str) -> Self {
        let (release, arch) = (release.into(), arch.into());
        Self { release, arch, options: RVec::new(), enums: RVec::new(), present: RVec::new() }
    }

    /// With an option of the build; `None` if it is not set.
    #[must_use]
    pub fn with_config(mut self, option: &str, value: Option<&str>) -> Self {
        let value = value.map(RString::from).into();
        self.options.push(Setting { name: option.into(), value });
        self
    }

    /// With an enumeration, under its own name or, where it has none, that of any of its values; `None` if there is none.
    #[must_use]
    pub fn with_enum(mut self, name: &str, values: Option<&[(&str, i64)]>) -> Self {
        let enumerator = |(name, value): &(&str, i64)| Enumerator { name: (*name).into(), value: *value };
        let values = values.map(|values| values.iter().map(enumerator).collect()).into();
        self.enums.push(Enumeration { name: name.into(), values });
        self
    }

    /// With a function that is there or not.
    #[must_use]
    pub fn with_function(self, name: &str, there: bool) -> Self {
        self.with(format!("function({name:?})"), there)
    }

    /// With a tracepoint, `subsystem:name`, that is there or not.
    #[must_use]
    pub fn with_tracepoint(self, name: &str, there: bool) -> Self {
        self.with(format!("tracepoint({name:?})"), there)
    }

    /// With a member of a struct or union that is there or not.
    #[must_use]
    pub fn with_field(self, of: &str, member: &str, there: bool) -> Self {
        self.with(format!("field({of:?}, {member:?})"), there)
    }

    fn with(mut self, asked: String, there: bool) -> Self {
        self.present.push(Presence { asked: asked.into(), there });
        self
    }

    /// The release as the kernel says it, `6.1.0-25-amd64`: not a version that a library for versions understands.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The architecture in the words of `uname -m`.
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Whether the numbers at the start of the release are those or later ones. Distributions carry features back without changing
    /// the number, so ask for what is there where that can be asked.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
    }

    /// The value of an option of the build (`y`, `m`, a number, a text); `None` if it is not set.
    ///
    /// # Panics
    /// If the manifest does not ask for `config("…")`; this and the like are caught and told.
    pub fn config(&self, option: &str) -> Option<&str> {
        match self.options.iter().find(|setting| setting.name == option) {
            Some(setting) => setting.value.as_ref().map(RString::as_str).into_option(),
            None => not_asked(&format!("config({option:?})")),
        }
    }

    /// The values of an enumeration, in the order of the source, by its own name or, where it has none, by that of one of its values;
    /// `None` if the kernel has none.
    ///
    /// # Panics
    /// If the manifest does not ask for `enum("…")`.
    pub fn enumerators(&self, of: &str) -> Option<&[Enumerator]> {
        match self.enums.iter().find(|known| known.name == of) {
            Some(known) => known.values.as_ref().map(RVec::as_slice).into_option(),
            None => not_asked(&format!("enum({of:?})")),
        }
    }

    /// One value of an enumeration.
    ///
    /// # Panics
    /// If the manifest does not ask for `enum("…")`.
    pub fn enumerator(&self, of: &str, name: &str) -> Option<i64> {
        self.enumerators(of)?.iter().find(|known| known.name == name).map(|known| known.value)
    }

    /// Whether the kernel has the function.
    ///
    /// # Panics
    /// If the manifest does not ask for `function("…")`.
    pub fn has_function(&self, name: &str) -> bool {
        self.has(&format!("function({name:?})"))
    }

    /// Whether the kernel has the tracepoint, `subsystem:name`.
    ///
    /// # Panics
    /// If the manifest does not ask for `tracepoint("…")`.
    pub fn has_tracepoint(&self, name: &str) -> bool {
        self.has(&format!("tracepoint({name:?})"))
    }

    /// Whether a struct or union has the member, also one inside its members without names.
    ///
    /// # Panics
    /// If the manifest does not ask for `field("…", "…")`.
    pub fn has_field(&self, of: &str, member: &str) -> bool {
        self.has(&format!("field({of:?}, {member:?})"))
    }

    fn has(&self, asked: &str) -> bool {
        match self.present.iter().find(|known| known.asked == asked) {
            Some(known) => known.there,
            None => not_asked(asked),
        }
    }
}

fn not_asked(fact: &str) -> ! {
    panic!("the plugin looks at {fact}, which the manifest's `[plugin] facts` does not ask for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        for (release, at_least, not) in
            [("6.10.0-rc3", (6, 10), (6, 11)), ("5.14.0-503.el9_5.x86_64", (5, 14), (5, 15)), ("6.8", (5, 99), (6, 9))]
        {
            let facts = KernelFacts::new(release, "x86_64");
            assert!(facts.at_least(at_least.0, at_least.1) && !facts.at_least(not.0, not.1), "{release}");
        }
    }

    #[test]
    fn absent_is_not_unasked() {
        let facts = KernelFacts::new("6.1", "x86_64").with_config("CONFIG_X", None).with_field("a", "b", false);
        assert_eq!(facts.config("CONFIG_X"), None);
        assert!(!facts.has_field("a", "b"));
        let unasked = crate::ask(|facts, _| assert!(!facts.has_function("vfs_read")), &facts);
        assert!(unasked.failure().is_some_and(|said| said.contains("function(\"vfs_read\")")));
    }
}
