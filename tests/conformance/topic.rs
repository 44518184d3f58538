//! Reads the files of `tests/language`. Knows their form, and nothing of what a script means.

use std::path::Path;

/// A file: one topic of the language.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) claims: Vec<Claim>,
}

/// A statement about the language and the script that proves it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The heading.
    pub(crate) title: String,
    /// File and line of the script, for messages.
    pub(crate) place: String,
    pub(crate) script: String,
    /// Words after `stap` on the line that opens the script: options, `user` or `kernel`, `status=N`.
    pub(crate) words: Vec<String>,
    pub(crate) expected: Expected,
    /// What standard error must hold, a sentence a line.
    pub(crate) complaints: Vec<String>,
}

/// What must come of a script.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// It runs and prints this.
    Output(String),
    /// It is refused with these findings, a line each: `CODE at LINE:COLUMN: MESSAGE`.
    Error(String),
}

impl Topic {
    /// Every topic, by name.
    pub(crate) fn all() -> Vec<Topic> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language");
        let entries = std::fs::read_dir(&folder).expect("the topics are there");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "md") && !path.ends_with("README.md"));
        paths.sort();
        paths.iter().map(|path| Topic::read(path)).collect()
    }

    /// The topics that the README's table names, row by row.
    pub(crate) fn table() -> Vec<String> {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/README.md");
        let text = std::fs::read_to_string(readme).expect("the README can be read");
        let cells = text.lines().filter_map(|line| line.strip_suffix(".md |")?.rsplit("| ").next());
        cells.map(str::to_owned).collect()
    }

    fn read(path: &Path) -> Topic {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(path).expect("a topic can be read");
        let mut title = String::new();
        let mut claims: Vec<Claim> = vec![];
        let mut script: Option<(String, Vec<String>, String)> = None;
        for block in Block::all(&text) {
            match block {
                Block::Heading(words) => title = words,
                Block::Fence { kind, words, body, line } if kind == "stap" => {
                    assert!(script.is_none(), "{name}:{line}: the script before it has no expectation");
                    script = Some((body, words, format!("{name}.md:{line}")));
                }
                Block::Fence { kind, body, line, .. } if kind == "stderr" => {
                    let claim = claims.last_mut().unwrap_or_else(|| panic!("{name}:{line}: `stderr` without output"));
                    claim.complaints = body.lines().map(str::to_owned).collect();
                }
                Block::Fence { kind, body, line, .. } => {
                    let expected = match kind.as_str() {
                        "output" => Expected::Output(body),
                        "error" => Expected::Error(body),
                        _ => panic!("{name}:{line}: `{kind}` is neither stap, output, stderr nor error"),
                    };
                    let (script, words, place) =
                        script.take().unwrap_or_else(|| panic!("{name}:{line}: no script before this"));
                    let title = title.clone();
                    claims.push(Claim { title, place, script, words, expected, complaints: vec![] });
                }
            }
        }
        assert!(script.is_none(), "{name}: the last script has no expectation");
        number_repeated_titles(&mut claims);
        Topic { name, claims }
    }
}

/// Several scripts under one heading are told apart by a number.
fn number_repeated_titles(claims: &mut [Claim]) {
    let mut index = 0;
    while index < claims.len() {
        let title = claims[index].title.clone();
        let same = claims[index..].iter().take_while(|claim| claim.title == title).count();
        if same > 1 {
            for (number, claim) in claims[index..index + same].iter_mut().enumerate() {
                claim.title = format!("{title} {}", number + 1);
            }
        }
        index += same;
    }
}

/// A part of a file that means something.
enum Block {
    Heading(String),
    Fence { kind: String, words: Vec<String>, body: String, line: usize },
}

impl Block {
    fn all(text: &str) -> Vec<Block> {
        let mut blocks = vec![];
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(words) = line.strip_prefix("## ") {
                blocks.push(Block::Heading(words.to_owned()));
            } else if let Some(info) = line.strip_prefix("```") {
                let mut words = info.split_whitespace().map(str::to_owned);
                let kind = words.next().unwrap_or_default();
                let mut body = String::new();
                for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
                    body += line;
                    body.push('\n');
                }
                blocks.push(Block::Fence { kind, words: words.collect(), body, line: number + 1 });
            }
        }
        blocks
    }
}
