//! Tracepoints and their parameters, from BTF.
//!
//! Must never need tracefs for a tracepoint that is asked for by name alone: every `typedef btf_trace_NAME` is a
//! tracepoint, also where tracefs shows no event for it (`pelt_cfs_tp`).

use crate::btf::{Btf, BtfError, Kind, Type, TypeId};
use std::collections::HashMap;

/// What the typedef of every tracepoint's prototype begins with (`include/trace/bpf_probe.h`).
const TYPEDEF: &str = "btf_trace_";

/// Functions that the kernel makes for a tracepoint and that name its parameters, which the typedef does not: the
/// first since 5.10, the second since 6.5, the third for the first tracepoint of an event class only.
const NAMED_AFTER: [&str; 3] = ["__traceiter_", "__probestub_", "__bpf_trace_"];

/// A tracepoint of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracepoint {
    /// Its name, without a subsystem.
    pub name: String,
    /// The id of `typedef btf_trace_NAME` in the kernel's BTF: what `BPF_PROG_LOAD` wants as `attach_btf_id`.
    pub btf_typedef_id: u32,
    /// Its parameters, in order.
    pub params: Vec<Param>,
}

/// A parameter of a tracepoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Its name; `arg1`, `arg2`, ... where the kernel's BTF gives none.
    pub name: String,
    /// Its type in the kernel's BTF.
    pub ty: TypeId,
}

/// The tracepoints of those names, in order; `None` for one that is not there. One look-up for all of them.
pub(crate) fn by_names(btf: &Btf, names: &[&str]) -> Result<Vec<Option<Tracepoint>>, BtfError> {
    let typedefs: Vec<String> = names.iter().map(|name| format!("{TYPEDEF}{name}")).collect();
    let functions: Vec<String> = names.iter().map(|name| format!("{}{name}", NAMED_AFTER[0])).collect();
    let wanted: Vec<(Kind, &str)> = typedefs
        .iter()
        .map(|name| (Kind::Typedef, name.as_str()))
        .chain(functions.iter().map(|name| (Kind::Func, name.as_str())))
        .collect();
    let found = btf.find_many(&wanted)?;
    let (typedefs, functions) = found.split_at(names.len().min(found.len()));
    let mut tracepoints = Vec::with_capacity(names.len());
    for ((name, typedef), function) in names.iter().zip(typedefs).zip(functions) {
        let Some(typedef) = *typedef else {
            tracepoints.push(None);
            continue;
        };
        let mut function = *function;
        for prefix in &NAMED_AFTER[1..] {
            if function.is_none() {
                function = btf.find(Kind::Func, &format!("{prefix}{name}"))?;
            }
        }
        tracepoints.push(decode(btf, name, typedef, function)?);
    }
    Ok(tracepoints)
}

/// All tracepoints, by name: where their typedefs and their functions are.
#[derive(Debug)]
pub(crate) struct Table {
    /// Sorted by name.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    typedef: TypeId,
    function: Option<TypeId>,
}

impl Table {
    /// Goes through the names of all typedefs and functions once.
    pub(crate) fn build(btf: &Btf) -> Result<Table, BtfError> {
        let mut functions: HashMap<&str, (usize, TypeId)> = HashMap::new();
        for (id, name) in btf.names(Kind::Func)? {
            for (rank, prefix) in NAMED_AFTER.iter().enumerate() {
                if let Some(of) = name.strip_prefix(prefix) {
                    let best = functions.entry(of).or_insert((rank, id));
                    if rank < best.0 {
                        *best = (rank, id);
                    }
                }
            }
        }
        let mut rows = Vec::new();
        for (typedef, name) in btf.names(Kind::Typedef)? {
            let Some(name) = name.strip_prefix(TYPEDEF) else { continue };
            if prototype(btf, typedef)?.is_some() {
                let function = functions.get(name).map(|(_, id)| *id);
                rows.push(Row { name: name.to_string(), typedef, function });
            }
        }
        rows.sort_by(|a, b| (&a.name, a.typedef).cmp(&(&b.name, b.typedef)));
        rows.dedup_by(|later, first| later.name == first.name);
        Ok(Table { rows })
    }

    /// The names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name.as_str())
    }

    /// Those whose names are accepted, decoded, sorted by name.
    pub(crate) fn filter(&self, btf: &Btf, accept: impl Fn(&str) -> bool) -> Result<Vec<Tracepoint>, BtfError> {
        let mut tracepoints = Vec::new();
        for row in self.rows.iter().filter(|row| accept(&row.name)) {
            tracepoints.extend(decode(btf, &row.name, row.typedef, row.function)?);
        }
        Ok(tracepoints)
    }
}

/// The prototype that a tracepoint's typedef points to. `None` for a typedef of another shape, which only happens to
/// have such a name.
fn prototype(btf: &Btf, typedef: TypeId) -> Result<Option<TypeId>, BtfError> {
    let (_, Type::Ptr(to)) = btf.get_resolved(typedef)? else { return Ok(None) };
    let (proto, Type::FuncProto { params: 1.., .. }) = btf.get_resolved(to)? else { return Ok(None) };
    Ok(Some(proto))
}

fn decode(btf: &Btf, name: &str, typedef: TypeId, function: Option<TypeId>) -> Result<Option<Tracepoint>, BtfError> {
    let Some(proto) = prototype(btf, typedef)? else { return Ok(None) };
    let types = btf.params(proto)?;
    let named = function.map(|function| btf.params(function)).transpose()?;
    // A function of another arity is not about this tracepoint, whatever its name.
    let named = named.filter(|named| named.len() == types.len()).unwrap_or_default();
    // The first parameter is `void *__data`, which the kernel passes to whoever registered.
    let params = types.iter().enumerate().skip(1).map(|(nth, param)| {
        let name = match (param.name, named.get(nth).map_or("", |of| of.name)) {
            ("", "") => format!("arg{nth}"),
            ("", name) | (name, _) => name.to_string(),
        };
        Param { name, ty: param.ty }
    });
    Ok(Some(Tracepoint { name: name.to_string(), btf_typedef_id: typedef.0, params: params.collect() }))
}
