//! `systap build`: a script and all that it is made from as one file, after it has compiled.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use systap_diagnostics::{FileId, Sources};
use systap_registry::Folder;
use systap_registry::package::Contents as Package;

use crate::cli::BuildOptions;
use crate::compile::{Compilation, Settings, on_deep_stack};
use crate::module::{self, Contents, Packed};
use crate::outcome::Status;
use crate::script::{self, Unreadable};
use crate::{kernel, tapset, terminal, whole_file};

/// Builds a module.
pub(crate) fn build(options: &BuildOptions) -> Status {
    match built(options) {
        Ok(status) => status,
        Err((status, sentence)) => {
            terminal::complain(&sentence);
            status
        }
    }
}

type Failure = (Status, String);

fn built(options: &BuildOptions) -> Result<Status, Failure> {
    crate::run::runtime(options.runtime).map_err(|why| (Status::Refused, why))?;
    let usage = |sentence: String| (Status::Usage, sentence);
    let kernel = kernel::named(options.kernel.as_deref()).map_err(|error| (Status::Refused, error.to_string()))?;
    let mut sources = Sources::default();
    let (file, words, path) = match (&options.script.text, options.file_and_args.split_first()) {
        (Some(text), _) => (script::from_text(text, &mut sources), options.file_and_args.as_slice(), None),
        (None, Some((path, rest))) => {
            let path = Path::new(path);
            let file = script::read(path, &mut sources).map_err(|Unreadable(why)| (Status::ScriptError, why))?;
            (file, rest, Some(path))
        }
        (None, None) => return Err(usage("nothing to build: name a script, or give one with -e".to_owned())),
    };
    let args = arguments(words).map_err(usage)?;
    let output = match (&options.output, path.and_then(Path::file_stem)) {
        (Some(output), _) => output.clone(),
        (None, Some(stem)) if path.is_some_and(|path| path.as_os_str() != "-") => {
            PathBuf::from(stem).with_extension("systap")
        }
        (None, _) => return Err(usage("where to? name the module with -o FILE".to_owned())),
    };
    if path.is_some_and(|path| same(path, &output)) {
        return Err(usage(format!("{} is the script itself: name the module with -o FILE", output.display())));
    }
    let mut locked = tapset::locked::named(&options.script.versions).map_err(|why| (Status::Registry, why))?;
    locked.extend(path.map_or(Ok(vec![]), tapset::locked::roots).map_err(|why| (Status::Registry, why))?);
    let settings = Settings::new(&options.script, &locked, args.clone(), &kernel).map_err(usage)?;
    settings.remark(options.verbose);
    let files: Vec<FileId> = std::iter::once(file).chain(script::more(&options.script.more, &mut sources)).collect();
    let compiled = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, &settings, &kernel);
        let compiled = compilation.compile(&files);
        (compiled.map(|_| ()), compilation.diagnostics)
    });
    let Some((compiled, mut diagnostics)) = compiled else { return Ok(Status::Internal) };
    tapset::missing::tell(&mut diagnostics, &sources, &options.script.tapsets);
    terminal::show(&diagnostics, &sources, options.script.format, options.script.color);
    if let Err(stop) = compiled {
        return Ok(crate::run::explain_stop(&stop));
    }
    kernel.keep();
    let used = used(settings.tapset.folders(), &sources);
    let mut packages = vec![];
    let mut packed = vec![];
    for folder in &used {
        let wrong = |why: String| (Status::ScriptError, format!("`{}` cannot be put in: {why}", folder.manifest.name));
        let mut contents =
            Package::of(folder, &tapset::built_plugins(folder)).map_err(|error| wrong(error.to_string()))?;
        contents.leave_out("tests/");
        let bytes = contents.pack().map_err(|error| wrong(error.to_string()))?;
        packed.push(Packed {
            name: folder.manifest.name.clone(),
            version: folder.manifest.version.to_string(),
            length: bytes.len() as u64,
        });
        packages.push(bytes);
    }
    let source = sources.file(file);
    let options_of = &options.script;
    let contents = Contents {
        systap: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: format!("{} {}", kernel.release().map(ToString::to_string).unwrap_or_default(), kernel.arch()),
        name: source.name.clone(),
        text: source.text.clone(),
        more: options_of.more.clone(),
        args,
        globals: options_of.globals.clone(),
        limits: options_of.limits.clone(),
        guru: options_of.guru,
        skip_badvars: options_of.skip_badvars,
        unoptimized: options_of.unoptimized,
        loose: loose(&options_of.tapsets),
        packages: packed,
    };
    let bytes = module::pack(&contents, &packages).map_err(|why| (Status::Internal, why))?;
    whole_file::write(&output, &bytes, 0o755).map_err(|why| (Status::ScriptError, why))?;
    if options.verbose {
        let tapsets = contents.packages.iter().map(|packed| format!(", {} {}", packed.name, packed.version));
        terminal::complain(&format!("{}: {} bytes{}", output.display(), bytes.len(), tapsets.collect::<String>()));
    }
    Ok(Status::Done)
}

fn arguments(words: &[OsString]) -> Result<Vec<String>, String> {
    let text = |word: &OsString| word.to_str().map(str::to_owned).ok_or(format!("the argument {word:?} is not UTF-8"));
    words.iter().map(text).collect()
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The packages of which the compiler has read something, and those that they depend on.
fn used<'f>(folders: &'f [Folder], sources: &Sources) -> Vec<&'f Folder> {
    let mut used: Vec<bool> = folders
        .iter()
        .map(|folder| sources.files().any(|file| Path::new(&file.name).starts_with(&folder.path)))
        .collect();
    loop {
        let before = used.clone();
        for at in 0..folders.len() {
            let needed = |(folder, used): (&Folder, &bool)| {
                *used
                    && folder
                        .manifest
                        .dependencies
                        .iter()
                        .any(|on| folders.get(at).is_some_and(|to| to.manifest.name == on.name))
            };
            let is_needed = folders.iter().zip(&before).any(needed);
            if let Some(used) = used.get_mut(at) {
                *used |= is_needed;
            }
        }
        if used == before {
            return folders.iter().zip(used).filter_map(|(folder, used)| used.then_some(folder)).collect();
        }
    }
}

/// The files of the directories of loose files that were named.
fn loose(roots: &[PathBuf]) -> Vec<(usize, String, String)> {
    let mut files = vec![];
    let is_loose = |root: &&PathBuf| !tapset::Packages::is_of_packages(root);
    for (number, root) in roots.iter().filter(is_loose).enumerate() {
        for entry in
            walkdir::WalkDir::new(root).follow_links(true).max_depth(4).sort_by_file_name().into_iter().flatten()
        {
            let is_tapset = entry.path().extension().is_some_and(|kind| kind == "stp" || kind == "stpm");
            let name = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
            if let (true, Some(name), Ok(bytes)) =
                (is_tapset && entry.file_type().is_file(), name, std::fs::read(entry.path()))
            {
                files.push((number, name.to_owned(), systap_syntax::foreign::decode(bytes)));
            }
        }
    }
    files
}
