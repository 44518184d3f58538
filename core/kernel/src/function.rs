//! The functions of the kernel that have code of their own, with their prototypes.
//!
//! BTF tells of most; what it leaves out (assembly, functions that differ between source files) only the symbols have, and they
//! are dear. Must never be asked for symbols where BTF will do.

use crate::btf::Type;
use crate::{Btf, BtfError, Kernel, KernelError, Kind, Param, TypeId, glob};
use std::collections::HashSet;

/// A function of the kernel proper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What BTF says of it; `None` if only the symbols have it.
    pub prototype: Option<Prototype>,
}

/// How a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// The BTF identifier of the function.
    pub id: TypeId,
    /// Its parameters, one for each 64-bit word that they take: what a large struct takes besides the first has no name.
    pub params: Vec<Param>,
    /// The type of what it returns; `None` if nothing.
    pub returns: Option<TypeId>,
}

impl Kernel {
    /// The function of that name.
    ///
    /// # Errors
    /// Where the kernel shows no types.
    pub fn function(&self, name: &str) -> Result<Option<Function>, KernelError> {
        let btf = self.btf()?;
        if let Some(id) = btf.find(Kind::Func, name).map_err(|source| self.malformed(source))? {
            return self.of_types(btf, id, name).map(Some);
        }
        Ok(self.code_symbol(name, None).then(|| Function { name: name.to_string(), prototype: None }))
    }

    /// The functions in BTF whose names match a pattern (see [`glob::matches`]), by name, without those of the kernel's start.
    ///
    /// # Errors
    /// Where the kernel shows no types.
    pub fn functions(&self, pattern: &str) -> Result<Vec<Function>, KernelError> {
        let btf = self.btf()?;
        self.matching(btf, pattern)?.into_iter().map(|(name, id)| self.of_types(btf, id, name)).collect()
    }

    /// The same without their prototypes, for whoever only wants the names.
    ///
    /// # Errors
    /// Where the kernel shows no types.
    pub fn functions_by_name(&self, pattern: &str) -> Result<Vec<Function>, KernelError> {
        let named = |(name, _): (&str, TypeId)| Function { name: name.to_string(), prototype: None };
        Ok(self.matching(self.btf()?, pattern)?.into_iter().map(named).collect())
    }

    /// The functions in BTF whose names match, by name, without those of the kernel's start.
    fn matching<'b>(&self, btf: &'b Btf, pattern: &str) -> Result<Vec<(&'b str, TypeId)>, KernelError> {
        let names = btf.names(Kind::Func).map_err(|source| self.malformed(source))?;
        let mut matching: Vec<(&str, TypeId)> =
            names.filter(|(_, name)| glob::matches(pattern, name)).map(|(id, name)| (name, id)).collect();
        matching.sort_unstable();
        matching.dedup_by_key(|(name, _)| *name);
        let gone = self.initial_functions();
        matching.retain(|(name, _)| !gone.contains(name));
        Ok(matching)
    }

    /// Functions of the kernel's start, whose code is no longer there; none if the symbols cannot be read.
    fn initial_functions(&self) -> HashSet<&str> {
        let Ok(symbols) = self.symbols() else { return HashSet::new() };
        let (Some(start), Some(end)) = (symbols.by_name("_sinittext"), symbols.by_name("_einittext")) else {
            return HashSet::new();
        };
        let range = start.address..end.address;
        symbols.iter().filter(|symbol| range.contains(&symbol.address)).map(|symbol| symbol.name).collect()
    }

    /// The names of the functions in BTF.
    ///
    /// # Errors
    /// Where the kernel shows no types.
    pub fn function_names(&self) -> Result<Vec<&str>, KernelError> {
        let names = self.btf()?.names(Kind::Func).map_err(|source| self.malformed(source))?;
        Ok(names.map(|(_, name)| name).collect())
    }

    /// Whether the symbols have code of that name, in a module if one is given. What cannot be read has none.
    pub fn code_symbol(&self, name: &str, module: Option<&str>) -> bool {
        let code = |letter| matches!(letter, 't' | 'T' | 'w' | 'W');
        self.symbols()
            .is_ok_and(|symbols| symbols.all_by_name(name).any(|symbol| code(symbol.letter) && symbol.module == module))
    }

    fn of_types(&self, btf: &Btf, id: TypeId, name: &str) -> Result<Function, KernelError> {
        let prototype = prototype(btf, id).map_err(|source| self.malformed(source))?;
        Ok(Function { name: name.to_string(), prototype: Some(prototype) })
    }
}

fn prototype(btf: &Btf, id: TypeId) -> Result<Prototype, BtfError> {
    let mut params = vec![];
    for param in btf.params(id)? {
        params.push(Param { name: param.name.to_string(), ty: param.ty });
        // A struct of more than eight bytes takes the next word too (System V ABI, 3.2.3).
        if let (_, Type::Struct { size: 9.., .. } | Type::Union { size: 9.., .. }) = btf.get_resolved(param.ty)? {
            params.push(Param { name: String::new(), ty: param.ty });
        }
    }
    let returns = match btf.get(id)? {
        Type::Func { proto, .. } => match btf.get(proto)? {
            Type::FuncProto { ret, .. } if ret != TypeId::VOID => Some(ret),
            _ => None,
        },
        _ => None,
    };
    Ok(Prototype { id, params, returns })
}
