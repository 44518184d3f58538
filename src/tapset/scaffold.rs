//! `systap tapset new`: a tapset to begin with, which passes `check`, `test` and `package` as it is.
//!
//! Must never write into a folder that has something.

use std::path::Path;

use super::failure::Failure;
use crate::cli::NewOptions;
use crate::outcome::Status;
use crate::terminal;

/// `systap tapset new`
pub(super) fn new(options: &NewOptions) -> Result<Status, Failure> {
    let folder = &options.folder;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().replace('_', "-");
    if !systap_registry::is_name(&name) {
        return Err(Failure::usage(format!(
            "`{name}` cannot be a tapset's name: a small letter, then small letters, digits and `-`, up to 64 in all"
        )));
    }
    let word = name.replace('-', "_");
    if systap_syntax::tokens(&word).any(|(kind, _)| kind.is_keyword()) {
        return Err(Failure::usage(format!("`{word}` is a word of the language: no alias can begin with it")));
    }
    if systap_elaborate::probe_types().iter().any(|form| *form == format!("{word}.*")) {
        let said = format!("`{word}.exec` is a probe point of a family that takes any name: no alias can be called so");
        return Err(Failure::usage(said));
    }
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::wrong(format!("{} is there already, and is not empty", folder.display())));
    }
    let mut text = String::new();
    for (file, contents) in files(&name, options.plugin) {
        let path = folder.join(file);
        let failed = |error: std::io::Error| Failure::refused(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
        std::fs::write(&path, contents).map_err(failed)?;
        text += &format!("{}\n", path.display());
    }
    text += &format!(
        "next: systap tapset check {0}; systap tapset test {0}; systap tapset package {0}\n",
        folder.display()
    );
    if options.plugin {
        text += &format!("      (cd {} && cargo build --release) builds the plugin into its place\n", folder.display());
    }
    Ok(terminal::write_to_stdout(&text))
}

/// Where the crate is that a plugin depends on: it ships with systap, and is in its sources.
fn interface() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let shipped = program.ancestors().nth(2).map(|prefix| prefix.join("share/systap/plugin"));
    let sources = program.ancestors().skip(1).map(|folder| folder.join("plugins/abi"));
    let found = shipped.into_iter().chain(sources).find(|folder| folder.join("Cargo.toml").is_file());
    found.map_or_else(|| "../systap/plugins/abi".to_owned(), |folder| folder.display().to_string())
}

/// The files, by name. In names of the language a `-` is a `_`.
fn files(name: &str, plugin: bool) -> Vec<(String, String)> {
    let word = name.replace('-', "_");
    let mut manifest = format!(
        "[tapset]\nname = \"{name}\"\nversion = \"0.1.0\"\nsummary = \"Processes that start, by {name}\"\n\
         license = \"MIT OR Apache-2.0\"\nmanifest = 1\n"
    );
    if plugin {
        manifest += &format!("\n[plugin]\nlibrary = \"{word}\"\nabi = {}\n", systap_plugin_host::ABI);
    }
    manifest += &format!(
        "\n[[script]]\nfile = \"exec.stp\"\nwhen = 'tracepoint(\"sched:sched_process_exec\")'\n\
         \n[[alias]]\nname = \"{word}.exec\"\nsince = \"0.1.0\"\nstability = \"evolving\"\n"
    );
    // A constant that the plugin gives is the manifest's where it is not asked.
    manifest += "\n[constants]\nLONGEST_NAME = 15\n";
    let script = format!(
        "// A process begins to run another program.\n\
         // name: what it is called from now on\n\
         probe {word}.exec = kernel.trace(\"sched:sched_process_exec\") {{\n    name = {word}_program(execname())\n}}\n\
         \n// A process's name, as long as the kernel keeps it.\n\
         function {word}_program:string (name:string) {{\n    return substr(name, 0, @LONGEST_NAME)\n}}\n"
    );
    let test = format!(
        "// alias: {word}.exec\n// run: /bin/true\nprobe {word}.exec {{ if (name == \"true\") {{ println(name); exit() }} }}\n"
    );
    let readme = format!(
        "# {name}\n\nProcesses that start.\n\n| alias | what |\n|---|---|\n| `{word}.exec` | A process begins to run another program. |\n"
    );
    let mut files = vec![
        ("tapset.toml".to_owned(), manifest),
        ("README.md".to_owned(), readme),
        ("scripts/exec.stp".to_owned(), script),
        ("tests/exec.stp".to_owned(), test),
        ("tests/exec.out".to_owned(), "true\n".to_owned()),
    ];
    if plugin {
        let cargo = format!(
            "[package]\nname = \"{name}-tapset\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
             [lib]\nname = \"{word}\"\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\nsystap-plugin = {{ path = {} }}\n\n[workspace]\n",
            serde_json::Value::from(interface())
        );
        let library = "//! What of a kernel no declaration can say.\n\n\
             use systap_plugin::{KernelFacts, Registrar};\n\n\
             fn register(_facts: &KernelFacts, registrar: &mut Registrar) {\n\
             \x20   // TASK_COMM_LEN without the end of the text (include/linux/sched.h).\n\
             \x20   registrar.constant(\"LONGEST_NAME\", 15);\n}\n\n\
             systap_plugin::export_tapset!(register);\n";
        files.push(("Cargo.toml".to_owned(), cargo));
        files.push(("src/lib.rs".to_owned(), library.to_owned()));
    }
    files
}
