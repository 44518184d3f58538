//! Makes the table of pages about errors and about changes of tapsets: each `docs/errors/CODE.md` and `docs/changes/NAME.md` as a pair
//! of name and text.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let mut pages = vec![];
    for folder in ["docs/errors", "docs/changes"] {
        let folder = Path::new(&root).join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        pages.extend(fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.sort_by_key(|page| page.file_stem().map(std::ffi::OsStr::to_owned));
    let mut table = String::from("&[\n");
    for page in pages {
        let code = page.file_stem().unwrap_or_default().to_string_lossy();
        writeln!(table, "    ({code:?}, include_str!({:?})),", page.display().to_string()).map_err(io::Error::other)?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("pages.rs"), table)
}
