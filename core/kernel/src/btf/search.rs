//! Questions that only a walk over all types answers: an enumerator by its name, a pointer by what it points to.
//!
//! Must never be on the road of a script that does not ask: each answer goes over the whole type section.

use super::index::{self, word};
use super::{Btf, BtfError, Enumerator, Kind, TypeId};

impl Btf {
    /// The enumerator of that name, of the first enumeration that has one, with or without a name of its own.
    pub fn enumerator(&self, name: &str) -> Result<Option<(TypeId, Enumerator<'_>)>, BtfError> {
        // Also checks the records, which the walk then trusts.
        self.index()?;
        let mut found = None;
        index::each(self.type_section(), |id, kind, record| {
            let part = match kind {
                Kind::Enum => 8,
                Kind::Enum64 => 12,
                _ => return true,
            };
            let mut names = record.get(index::RECORD..).unwrap_or_default().chunks_exact(part);
            if names.any(|part| word(part, 0).is_some_and(|at| self.is_text(at, name))) {
                found = Some(TypeId(id));
            }
            found.is_none()
        });
        let Some(id) = found else { return Ok(None) };
        let enumerator = self.enumerators(id)?.into_iter().find(|enumerator| enumerator.name == name);
        Ok(enumerator.map(|enumerator| (id, enumerator)))
    }

    /// The type that is a pointer to that type, if the kernel has one.
    pub fn pointer_to(&self, pointee: TypeId) -> Result<Option<TypeId>, BtfError> {
        self.index()?;
        let mut found = None;
        index::each(self.type_section(), |id, kind, record| {
            if kind == Kind::Ptr && word(record, 8) == Some(pointee.0) {
                found = Some(TypeId(id));
            }
            found.is_none()
        });
        Ok(found)
    }

    /// Whether the string at that offset is `text`.
    pub(super) fn is_text(&self, at: u32, text: &str) -> bool {
        let (at, strings) = (at as usize, self.string_section());
        let end = at.saturating_add(text.len());
        strings.get(at..end) == Some(text.as_bytes()) && strings.get(end) == Some(&0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Kernel, Kind};

    #[test]
    fn of_the_running_kernel() {
        let kernel = Kernel::running();
        let Ok(btf) = kernel.btf() else { return eprintln!("skipped: this kernel shows no types") };
        // Part of the ABI (include/uapi/linux/bpf.h).
        let (_, found) = btf.enumerator("BPF_PROG_TYPE_KPROBE").unwrap().unwrap();
        assert_eq!((found.name, found.value), ("BPF_PROG_TYPE_KPROBE", 2));
        assert_eq!(btf.enumerator("BPF_PROG_TYPE_KPROB").unwrap(), None);
        let task = btf.find(Kind::Struct, "task_struct").unwrap().unwrap();
        let pointer = btf.pointer_to(task).unwrap().unwrap();
        assert_eq!(btf.describe(pointer), "struct task_struct *");
    }
}
