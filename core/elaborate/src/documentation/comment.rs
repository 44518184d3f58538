//! Comments in the fixed form, as data. Must never look at anything but lines.

/// A declaration and the comment directly above it.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    /// Lines of the comment, without `//`.
    pub(super) comment: Vec<&'a str>,
    /// The declaration, from the beginning of its line.
    pub(super) declaration: &'a str,
    /// The last line `# ...` above it.
    pub(super) topic: &'a str,
}

/// The declarations of a file: lines that are neither comments nor empty nor inside a declaration.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut comment = vec![];
    let mut topic = "";
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let trimmed = line.trim_end();
        if let Some(rest) = trimmed.strip_prefix("//") {
            comment.push(rest.trim());
            return None;
        }
        let comment = std::mem::take(&mut comment);
        if let Some(title) = trimmed.strip_prefix("# ") {
            topic = title;
            return None;
        }
        if trimmed.is_empty() || trimmed.starts_with([' ', '}', '\t']) {
            return None;
        }
        // The rest of the declaration may be on the lines that follow.
        let end = text[start..].find("\n\n").map_or(text.len(), |length| start + length);
        let goes_on = ["function ", "@define "].iter().any(|word| trimmed.starts_with(word));
        let declaration = if goes_on { &text[start..end] } else { trimmed };
        Some(Block { comment, declaration, topic })
    })
}

/// What a file is about: its first sentence, without the full stop.
pub(super) fn title(text: &str) -> Option<String> {
    let first = text.lines().next()?.strip_prefix("//")?.trim();
    let sentence = first.split(". ").next().unwrap_or(first);
    let short = sentence.split([',', ':']).next().unwrap_or(sentence);
    Some(short.trim_end_matches('.').to_owned())
}

/// The parts of a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) sentences: Vec<String>,
    pub(super) returns: Option<String>,
    pub(super) errors: Option<String>,
    pub(super) example: Option<String>,
}

/// Divides a comment into its parts; a line that begins none goes on with the one before.
pub(super) fn fields(lines: &[&str]) -> Fields {
    let mut fields = Fields::default();
    let mut open: Option<&mut String> = None;
    for line in lines {
        if let Some(rest) = line.strip_prefix("Returns ") {
            open = Some(fields.returns.insert(rest.to_owned()));
        } else if let Some(rest) = line.strip_prefix("Errors: ") {
            open = Some(fields.errors.insert(rest.to_owned()));
        } else if let Some(rest) = line.strip_prefix("Example: ") {
            open = Some(fields.example.insert(rest.to_owned()));
        } else if let Some(part) = open.as_deref_mut() {
            part.push(' ');
            part.push_str(line);
        } else if let Some(last) = fields.sentences.last_mut().filter(|last| !last.ends_with('.')) {
            last.push(' ');
            last.push_str(line);
        } else {
            fields.sentences.push((*line).to_owned());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_has_parts_and_lines_go_on() {
        let lines = [
            "Gives bytes, as people",
            "read them.",
            "More of it.",
            "Returns a text",
            "of five places.",
            "Errors: none.",
            "Example: f(1) is 2.",
        ];
        let found = fields(&lines);
        assert_eq!(found.sentences, ["Gives bytes, as people read them.", "More of it."]);
        assert_eq!(found.returns.as_deref(), Some("a text of five places."));
        assert_eq!(found.errors.as_deref(), Some("none."));
        assert_eq!(found.example.as_deref(), Some("f(1) is 2."));
    }

    #[test]
    fn only_what_stands_directly_above_belongs_to_a_declaration() {
        let text = "// About. More.\n\n// Gives.\nfunction a:long () {\n  // no\n  return 1\n}\nfunction b () { }\n";
        let found: Vec<(Vec<&str>, &str)> =
            blocks(text).map(|block| (block.comment, block.declaration.lines().next().unwrap_or_default())).collect();
        assert_eq!(found, [(vec!["Gives."], "function a:long () {"), (vec![], "function b () { }")]);
        assert_eq!(title(text).as_deref(), Some("About"));
    }
}
