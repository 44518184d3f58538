//! Puts small blobs of BTF together for tests.
//!
//! Must never share code with the reader: what both got wrong would go unseen.

use crate::btf::TypeId;

/// A blob in the making. Each method that adds a type gives its id.
#[derive(Default)]
pub(crate) struct Builder {
    types: Vec<u32>,
    strings: Vec<u8>,
    count: u32,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder { types: Vec::new(), strings: vec![0], count: 0 }
    }

    pub(crate) fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Any record: name, kind, flag, number of parts, third word, body.
    pub(crate) fn raw(&mut self, name: &str, kind: u32, flag: bool, parts: u32, third: u32, body: &[u32]) -> TypeId {
        let name = self.string(name);
        self.types.extend([name, (u32::from(flag) << 31) | (kind << 24) | parts, third]);
        self.types.extend(body);
        self.count += 1;
        TypeId(self.count)
    }

    /// encoding: 1 signed, 2 char, 4 bool.
    pub(crate) fn int(&mut self, name: &str, size: u32, encoding: u32) -> TypeId {
        self.raw(name, 1, false, 0, size, &[(encoding << 24) | (size * 8)])
    }

    pub(crate) fn ptr(&mut self, to: TypeId) -> TypeId {
        self.raw("", 2, false, 0, to.0, &[])
    }

    pub(crate) fn array(&mut self, element: TypeId, len: u32) -> TypeId {
        self.raw("", 3, false, 0, 0, &[element.0, element.0, len])
    }

    /// Members: name, type, bit offset, and bits of a bit field.
    pub(crate) fn composite(
        &mut self,
        kind: u32,
        name: &str,
        size: u32,
        members: &[(&str, TypeId, u32, u32)],
    ) -> TypeId {
        let flag = members.iter().any(|member| member.3 != 0);
        let mut body = Vec::new();
        for (name, ty, offset, bits) in members {
            body.extend([self.string(name), ty.0, (bits << 24) | offset]);
        }
        self.raw(name, kind, flag, members.len() as u32, size, &body)
    }

    pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32, u32)]) -> TypeId {
        self.composite(4, name, size, members)
    }

    pub(crate) fn union(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32, u32)]) -> TypeId {
        self.composite(5, name, size, members)
    }

    pub(crate) fn typedef(&mut self, name: &str, to: TypeId) -> TypeId {
        self.raw(name, 8, false, 0, to.0, &[])
    }

    pub(crate) fn proto(&mut self, ret: TypeId, params: &[(&str, TypeId)]) -> TypeId {
        let mut body = Vec::new();
        for (name, ty) in params {
            body.extend([self.string(name), ty.0]);
        }
        self.raw("", 13, false, params.len() as u32, ret.0, &body)
    }

    pub(crate) fn func(&mut self, name: &str, proto: TypeId) -> TypeId {
        self.raw(name, 12, false, 0, proto.0, &[])
    }

    /// The id that the next type will have.
    pub(crate) fn next(&self) -> TypeId {
        TypeId(self.count + 1)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32 * 4, self.strings.len() as u32);
        let mut bytes = Vec::new();
        bytes.extend(0xeb9f_u16.to_ne_bytes());
        bytes.extend([1, 0]);
        for number in [24, 0, types, types, strings] {
            bytes.extend(u32::to_ne_bytes(number));
        }
        bytes.extend(self.types.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(&self.strings);
        bytes
    }
}
