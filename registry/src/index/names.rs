//! The names that a registry's tapsets offer: what `search` reads, and what tells which tapset a script lacks.
//!
//! A line a tapset, fields apart by tabs, one file a bin. Must be searched without being taken apart: at a hundred thousand tapsets
//! that is what takes the time.

use super::bin::hex;
use super::entry::Entry;

/// A tapset's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub version: String,
    /// What it is for.
    pub summary: String,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Its functions.
    pub functions: Vec<String>,
    /// The tracepoints that it probes.
    pub tracepoints: Vec<String>,
}

/// Why names cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// They are damaged.
    #[error("the names of the registry are damaged: {0}")]
    Damaged(#[from] std::io::Error),
    /// They are no text.
    #[error("the names of the registry are no text (near byte {0})")]
    NoText(usize),
}

/// What to look for; all that is given must be found. `*` stands for any letters.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Words of the name or the summary.
    pub words: Vec<String>,
    /// A pattern of an alias.
    pub alias: Option<String>,
    /// A pattern of a function.
    pub function: Option<String>,
    /// A pattern of a tracepoint.
    pub tracepoint: Option<String>,
}

/// A tapset that was found, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub version: String,
    /// What it is for.
    pub summary: String,
    /// The aliases, functions and tracepoints that a pattern stands for.
    pub by: Vec<String>,
}

impl Named {
    /// Of a version, and the tracepoints that its scripts probe.
    pub fn of(entry: &Entry, tracepoints: Vec<String>) -> Named {
        Named {
            name: entry.name.clone(),
            version: entry.version.to_string(),
            summary: entry.summary.clone(),
            aliases: entry.aliases.keys().cloned().collect(),
            functions: entry.functions.clone(),
            tracepoints,
        }
    }

    /// The line, with its end.
    pub fn line(&self) -> String {
        let summary = self.summary.replace(['\t', '\n'], " ");
        let lists = [&self.aliases, &self.functions, &self.tracepoints].map(|list| list.join(" "));
        format!("{}\t{}\t{summary}\t{}\n", self.name, self.version, lists.join("\t"))
    }

    /// Of a line.
    pub fn parse(line: &str) -> Option<Named> {
        let fields = Fields::of(line)?;
        let list = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        Some(Named {
            name: fields.name.to_owned(),
            version: fields.version.to_owned(),
            summary: fields.summary.to_owned(),
            aliases: list(fields.aliases),
            functions: list(fields.functions),
            tracepoints: list(fields.tracepoints),
        })
    }
}

struct Fields<'l> {
    name: &'l str,
    version: &'l str,
    summary: &'l str,
    aliases: &'l str,
    functions: &'l str,
    tracepoints: &'l str,
}

impl<'l> Fields<'l> {
    fn of(line: &'l str) -> Option<Fields<'l>> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Fields {
            name: next()?,
            version: next()?,
            summary: next()?,
            aliases: next()?,
            functions: next()?,
            tracepoints: next()?,
        })
    }
}

/// Packs the lines of a bin.
///
/// # Errors
/// Where the compressor fails.
pub fn pack(lines: &str) -> Result<Vec<u8>, NamesError> {
    Ok(zstd::bulk::compress(lines.as_bytes(), 9)?)
}

/// No bin's names are longer, unpacked, in bytes.
const LONGEST: usize = 64 << 20;

/// Unpacks them.
///
/// # Errors
/// Where they are damaged.
pub fn unpack(packed: &[u8]) -> Result<String, NamesError> {
    let length = zstd::bulk::Decompressor::upper_bound(packed).unwrap_or(LONGEST).min(LONGEST);
    let bytes = zstd::bulk::decompress(packed, length)?;
    String::from_utf8(bytes).map_err(|error| NamesError::NoText(error.utf8_error().valid_up_to()))
}

/// The tapsets among these lines that are asked for, in the order of the lines.
pub fn search(lines: &str, asked: &Asked) -> Vec<Found> {
    let words: Vec<String> = asked.words.iter().map(|word| word.to_lowercase()).collect();
    let mut found = vec![];
    for line in lines.lines() {
        let Some(fields) = Fields::of(line) else { continue };
        let mut by: Vec<String> = vec![];
        if !words.is_empty() {
            let told = format!("{} {}", fields.name, fields.summary).to_lowercase();
            let lists = [fields.aliases, fields.functions, fields.tracepoints];
            let mut has = |word: &String| {
                let before = by.len();
                // What looks like a name may be one that the tapset has.
                for list in lists.iter().filter(|list| word.contains(['.', '_', ':']) && list.contains(word.as_str())) {
                    by.extend(list.split(' ').filter(|name| name.contains(word.as_str())).map(str::to_owned));
                }
                by.len() > before
            };
            if !words.iter().all(|word| told.contains(word.as_str()) || has(word)) {
                continue;
            }
        }
        let patterns = [
            (&asked.alias, fields.aliases),
            (&asked.function, fields.functions),
            (&asked.tracepoint, fields.tracepoints),
        ];
        let all = patterns.into_iter().filter_map(|(pattern, list)| Some((pattern.as_ref()?, list))).all(
            |(pattern, list)| {
                let before = by.len();
                // Most lines do not have the letters of the pattern at all.
                if pattern.split('*').all(|part| list.contains(part)) {
                    by.extend(list.split(' ').filter(|name| matches(pattern, name)).map(str::to_owned));
                }
                by.len() > before
            },
        );
        if all {
            found.push(Found {
                name: fields.name.to_owned(),
                version: fields.version.to_owned(),
                summary: fields.summary.to_owned(),
                by,
            });
        }
    }
    found
}

/// Whether a name is one that a pattern stands for.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let Some((middle, last)) = rest.rsplit_once('*') else { return name.ends_with(rest) };
    for part in middle.split('*') {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

/// The names of the targets that have a bin: its indexes, and its names.
pub fn targets_of(bin: &str) -> [String; 2] {
    [format!("bin-{bin}.txt"), format!("names-{bin}.zst")]
}

/// All bins, in order.
pub(crate) fn all_bins() -> impl Iterator<Item = String> {
    (0..=255u8).map(|byte| hex(&[byte]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, aliases: &[&str], tracepoints: &[&str]) -> Named {
        let list = |of: &[&str]| of.iter().map(|name| (*name).to_owned()).collect();
        Named {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            summary: format!("What {name} does,\tin a sentence"),
            aliases: list(aliases),
            functions: vec![format!("{name}_name")],
            tracepoints: list(tracepoints),
        }
    }

    #[test]
    fn tapsets_are_found_by_what_they_probe() {
        let mut lines = named("net", &["net.sent", "tcp.sendmsg"], &["net:net_dev_xmit"]).line();
        lines += &named("vm", &["vm.pagefault", "vm.brk"], &[]).line();
        let lines = unpack(&pack(&lines).unwrap()).unwrap();
        let asked = |set: fn(&mut Asked)| {
            let mut asked = Asked::default();
            set(&mut asked);
            search(&lines, &asked).into_iter().map(|found| (found.name, found.by)).collect::<Vec<_>>()
        };
        let vm = |by: &[&str]| vec![("vm".to_owned(), by.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())];
        assert_eq!(asked(|asked| asked.alias = Some("vm.*".to_owned())), vm(&["vm.pagefault", "vm.brk"]));
        assert_eq!(asked(|asked| asked.alias = Some("vm.page*".to_owned())), vm(&["vm.pagefault"]));
        assert_eq!(asked(|asked| asked.function = Some("vm_name".to_owned())), vm(&["vm_name"]));
        assert_eq!(asked(|asked| asked.words = vec!["VM".to_owned(), "sentence".to_owned()]), vm(&[]));
        assert_eq!(asked(|asked| asked.tracepoint = Some("*xmit".to_owned()))[0].0, "net");
        assert_eq!(asked(|asked| asked.alias = Some("vm.page".to_owned())), []);
        assert_eq!(asked(|_| {}).len(), 2);
        assert_eq!(Named::parse(lines.lines().next().unwrap()).unwrap().aliases, ["net.sent", "tcp.sendmsg"]);
        assert!(unpack(b"nothing").is_err());
    }

    #[test]
    fn patterns() {
        for (pattern, name) in [("a*", "a"), ("*", ""), ("a*c", "abc"), ("*b*", "abc"), ("a*b*c", "axbxc")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a*c", "ab"), ("a", "ab"), ("a*b*c", "acb"), ("ab*ba", "aba")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
