//! From a syntax tree and a kernel to a typed program: names, aliases, probe points, target variables, types.
//!
//! - `names`, `scan`: what the files declare, and what can be seen before anything is resolved.
//! - `probe`: probe points, by one table of families.
//! - `autocast`: the C types that pointers keep in variables.
//! - `check`: statements and expressions, with inference of types as they are met.
//! - `target`: target variables, by the kernel's BTF.
//! - `builtin`, `library`: the functions that scripts find without defining them; `tapset`: the user's own collections.
//! - `macros`: the macros that they find, `constant`: the constants of C headers.
//! - `documentation`: what people are told of all of these.
//! - `settle`: the types that are known only at the end, written into the program.
//!
//! It takes data and gives data: no file but through [`Kernel`], no environment, no printing. It must never stop at the
//! first error, and never panic on any tree: what is wrong becomes a [`Diagnostic`], and what depends on it is silent.

mod autocast;
mod build;
mod builtin;
mod check;
mod constant;
pub mod documentation;
mod dropped;
mod elaboration;
mod format;
mod global;
mod guru;
mod library;
pub mod limits;
mod listing;
mod macros;
mod names;
mod probe;
mod registers;
mod scan;
mod scope;
mod settle;
mod signatures;
mod standing;
mod tapset;
mod target;
#[cfg(test)]
mod tests;
mod types;

pub use macros::{all_macros, macros};

use systap_binary::Programs;
use systap_diagnostics::{Diagnostic, Sources};
use systap_ir::program::{Limits, Program};
use systap_kernel::Kernel;
use systap_syntax::ast;

pub use listing::{List, Listed};
pub use probe::probe_types;
pub use signatures::{Signature, signatures};
pub use tapset::{Declaration, Declares, Given, TapsetFile, TapsetPackage, TapsetSource, Tapsets, declarations};

/// What there is to elaborate.
#[derive(Debug)]
pub struct Input<'a> {
    /// The script's files.
    pub files: &'a [ast::File],
    /// The script's arguments, for what the library says of them.
    pub args: &'a [String],
    /// Where their text is; the library's files are added when a script needs them.
    pub sources: &'a mut Sources,
    /// Whether to say what each point offers its handler: [`Elaborated::listed`].
    pub list: List,
    /// Where definitions are looked for that the script lacks, besides the library.
    pub tapsets: Option<Tapsets<'a>>,
    /// The kernel that the program is for.
    pub kernel: &'a Kernel,
    /// The programs and libraries that it may probe.
    pub programs: &'a Programs,
    /// The program that the target runs, as it would be asked of `programs`: that of `-c` or `-x`.
    pub target: Option<String>,
    /// The limits in force.
    pub limits: Limits,
    /// `-G name=value`: what scalar globals start from.
    pub globals_override: Vec<(String, String)>,
    /// The kernel's `CONFIG_HZ`, for `timer.jiffies` and `timer.profile`. Nothing that every kernel shows tells it
    /// (`AT_CLKTCK` is the 100 of user space, whatever the kernel's tick); [`DEFAULT_HZ`] if unknown.
    pub hz: u32,
    /// `-g`: what only an expert should do is allowed: embedded C, writing target variables, raw memory and registers.
    pub guru: bool,
    /// `--skip-badvars`: a target variable that is not there is 0 instead of an error.
    pub skip_badvars: bool,
    /// `-u`: what nothing uses is not dropped, so that its types must be right too.
    pub unoptimized: bool,
    /// Whether to warn of what nothing uses: variables, functions, statements without effect.
    pub advice: bool,
}

impl<'a> Input<'a> {
    /// What there is at the least: no arguments, no tapsets, no target, the usual limits, and nothing that an option asks for.
    pub fn new(files: &'a [ast::File], sources: &'a mut Sources, kernel: &'a Kernel, programs: &'a Programs) -> Self {
        Input {
            files,
            args: &[],
            sources,
            list: List::Nothing,
            tapsets: None,
            kernel,
            programs,
            target: None,
            limits: Limits::default(),
            globals_override: vec![],
            hz: DEFAULT_HZ,
            guru: false,
            skip_badvars: false,
            unoptimized: false,
            advice: false,
        }
    }
}

/// The `CONFIG_HZ` that most distributions build their kernels with.
pub const DEFAULT_HZ: u32 = 250;

/// What became of it.
#[derive(Debug)]
pub struct Elaborated {
    /// The program; of use only if no diagnostic is an error.
    pub program: Program,
    /// Findings, errors and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// The points of the program's probes and what they offer, in the same order, if [`Input::list`] asks.
    pub listed: Vec<Listed>,
}

/// Elaborates a script.
pub fn elaborate(input: Input<'_>) -> Elaborated {
    let wanted = |tapsets: &Tapsets<'_>| tapsets.source.always() || tapset::are_asked_for(input.files);
    let tapsets = input.tapsets.as_ref().filter(|tapsets| wanted(tapsets)).cloned();
    let input = Input { tapsets, ..input };
    let count = input.tapsets.as_ref().map_or(0, |tapsets| tapsets.source.files().len());
    let packages = input.tapsets.as_ref().map_or(0, |tapsets| tapsets.source.packages().len());
    let library = library::Library::with_tapsets(count, packages);
    elaboration::run(input, &library)
}
