//! HTML: text that is nothing but text, and what every page has around it.

/// Text as HTML has it, in elements and in attributes. What a terminal or a browser could take for a command to turn the line around, or
/// for nothing at all, is shown as its number.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || is_invisible(c) => escaped.push_str(&format!("[U+{:04X}]", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Marks of direction, joiners, and what takes no room.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A whole page. `up` leads to the folder of the pages: empty, or `../`.
pub(super) fn page(title: &str, up: &str, body: &str) -> String {
    whole(title, "'self'", &format!("<link rel=\"stylesheet\" href=\"{up}style.css\">"), body)
}

/// A page that stands by itself.
pub(super) fn page_with_style(title: &str, style: &str, body: &str) -> String {
    whole(title, "'unsafe-inline'", &format!("<style>\n{style}</style>"), body)
}

fn whole(title: &str, styles: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {styles}; script-src 'self'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         {style}\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

/// What a page has of that name, for its address within the page.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Alias,
    Function,
}

/// An address within a page, of a name: another for each.
pub(super) fn anchor(kind: Kind, name: &str) -> String {
    let mut text = String::from(match kind {
        Kind::Alias => "alias-",
        Kind::Function => "function-",
    });
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' => text.push(c),
            other => text += &format!("-{:x}-", u32::from(other)),
        }
    }
    text
}

/// A day of the calendar, of seconds since 1970, UTC.
pub(super) fn day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// Bytes, for people.
pub(super) fn bytes(count: u64) -> String {
    if count < 10 << 10 { format!("{count} bytes") } else { format!("{} KB", count.div_ceil(1024)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let evil = "<script>alert(\"x\")</script> & 'y' \u{202e}gpj\u{7}";
        let escaped = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39; [U+202E]gpj[U+0007]";
        assert_eq!(escape(evil), escaped);
        assert_eq!(escape("Größe, 漢字\n"), "Größe, 漢字\n");
        assert_eq!(anchor(Kind::Alias, "a\"b<.d"), "alias-a-22-b-3c-.d");
        assert_ne!(anchor(Kind::Alias, "a-22-"), anchor(Kind::Alias, "a\""));
        assert_ne!(anchor(Kind::Alias, "x"), anchor(Kind::Function, "x"));
        assert_eq!((day(0).as_str(), day(1_700_000_000).as_str()), ("1970-01-01", "2023-11-14"));
    }
}
