//! Text as roff has it, for man(1). Must never let a text be taken for a request.

/// A line of text that roff takes for nothing else.
pub(crate) fn line(text: &str) -> String {
    let text = escaped(text);
    let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{text}\n")
}

/// Text within a line.
pub(crate) fn escaped(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roff_takes_no_text_for_a_request() {
        assert_eq!(line(".so \"a\\n\" - b"), "\\&.so \\(dqa\\en\\(dq \\- b\n");
        assert_eq!(line("a\n.so b"), "a .so b\n");
    }
}
