//! Text to tokens, one at a time. Never fails, skips nothing (the tokens' texts joined are the text), decodes nothing
//! and knows nothing of what surrounds a token.

use crate::kind::SyntaxKind::{self, *};

/// The first token of `rest`, a tail of a script that begins on a token boundary, and its length in bytes.
///
/// The length is 0 for [`EndOfFile`] only. Strings and embedded code may lack their closing mark:
/// [`is_unterminated`] tells.
pub fn first_token(rest: &str) -> (SyntaxKind, usize) {
    let bytes = rest.as_bytes();
    let Some(&first) = bytes.first() else { return (EndOfFile, 0) };
    match first {
        b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => (Whitespace, run(bytes, 1, is_blank)),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest),
        b'$' => dollar(bytes),
        b'0'..=b'9' => (Number, run(bytes, 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_')),
        b'"' => (StringLiteral, quoted(bytes, b'"')),
        b'\'' => (SingleQuoted, quoted(bytes, b'\'')),
        b'#' => (Comment, to_line_end(bytes)),
        b'@' => at_sign(bytes),
        b'/' if bytes.get(1) == Some(&b'/') => (Comment, to_line_end(bytes)),
        b'/' if bytes.get(1) == Some(&b'*') => (Comment, closed_by(rest, "*/")),
        b'%' if bytes.get(1) == Some(&b'{') => (Embedded, closed_by(rest, "%}")),
        _ => operator(bytes).unwrap_or_else(|| unknown(rest)),
    }
}

/// All tokens of `text` with their lengths, trivia included, without the end.
pub fn tokens(text: &str) -> impl Iterator<Item = (SyntaxKind, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (kind, length) = first_token(&text[at..]);
        let token = &text[at..at + length];
        at += length;
        (length > 0).then_some((kind, token))
    })
}

/// Whether a token of this kind and text ran into the end of its line or of the file before it was complete.
pub fn is_unterminated(kind: SyntaxKind, text: &str) -> bool {
    match kind {
        StringLiteral | SingleQuoted => {
            let bytes = text.as_bytes();
            let quote = bytes.first();
            let mut at = 1;
            while at < bytes.len() {
                match bytes.get(at) {
                    Some(b'\\') => at += 2,
                    byte if byte == quote => return false,
                    _ => at += 1,
                }
            }
            true
        }
        Embedded => text.len() < 4 || !text.ends_with("%}"),
        Comment => text.starts_with("/*") && (text.len() < 4 || !text.ends_with("*/")),
        _ => false,
    }
}

/// Whether a byte can stand inside a word.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// The first index from `from` on whose byte is not `wanted`.
fn run(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().skip(from).position(|byte| !wanted(*byte)).map_or(bytes.len(), |more| from + more)
}

fn word(rest: &str) -> (SyntaxKind, usize) {
    let length = run(rest.as_bytes(), 1, is_word_byte);
    (SyntaxKind::keyword(&rest[..length]).unwrap_or(Ident), length)
}

fn dollar(bytes: &[u8]) -> (SyntaxKind, usize) {
    match bytes.get(1) {
        Some(b'#') => (Argument, 2),
        Some(byte) if byte.is_ascii_digit() => (Argument, run(bytes, 1, |byte| byte.is_ascii_digit())),
        _ => match run(bytes, 1, is_word_byte) {
            1 => (Dollar, 1),
            2 if bytes.get(1) == Some(&b'$') => (DollarDollar, 2),
            length => (Ident, length),
        },
    }
}

fn at_sign(bytes: &[u8]) -> (SyntaxKind, usize) {
    match bytes.get(1) {
        Some(b'#') => (Argument, 2),
        Some(byte) if byte.is_ascii_digit() => (Argument, run(bytes, 1, |byte| byte.is_ascii_digit())),
        Some(byte) if byte.is_ascii_alphabetic() || *byte == b'_' => {
            (AtWord, run(bytes, 1, |byte| byte.is_ascii_alphanumeric() || byte == b'_'))
        }
        _ => (Unknown, 1),
    }
}

/// Strings end at their line's end: a quote that is forgotten must not swallow the rest of the script.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' => return at,
            b'\\' => at = (at + 2).min(bytes.len()),
            _ => at += 1,
        }
        if byte == quote {
            return at;
        }
    }
    // A backslash may have stepped into the middle of a character, which continues with bytes from 0x80 to 0xbf.
    at
}

fn to_line_end(bytes: &[u8]) -> usize {
    run(bytes, 0, |byte| byte != b'\n')
}

fn closed_by(rest: &str, mark: &str) -> usize {
    rest.get(2..).and_then(|inside| inside.find(mark)).map_or(rest.len(), |at| at + 2 + mark.len())
}

fn operator(bytes: &[u8]) -> Option<(SyntaxKind, usize)> {
    let second = bytes.get(1).copied().unwrap_or(0);
    let third = bytes.get(2).copied().unwrap_or(0);
    let kind = match (*bytes.first()?, second, third) {
        (b'<', b'<', b'<') => Accumulate,
        (b'>', b'>', b'>') => ShiftRightLogical,
        (b'<', b'<', b'=') => ShiftLeftEquals,
        (b'>', b'>', b'=') => ShiftRightEquals,
        (b'<', b'<', _) => ShiftLeft,
        (b'>', b'>', _) => ShiftRight,
        (b'=', b'=', _) => EqualsEquals,
        (b'!', b'=', _) => BangEquals,
        (b'<', b'=', _) => LessEquals,
        (b'>', b'=', _) => GreaterEquals,
        (b'=', b'~', _) => EqualsTilde,
        (b'!', b'~', _) => BangTilde,
        (b'+', b'=', _) => PlusEquals,
        (b'-', b'=', _) => MinusEquals,
        (b'*', b'=', _) => StarEquals,
        (b'/', b'=', _) => SlashEquals,
        (b'%', b'=', _) => PercentEquals,
        (b'&', b'=', _) => AmpersandEquals,
        (b'|', b'=', _) => PipeEquals,
        (b'^', b'=', _) => CaretEquals,
        (b'.', b'=', _) => DotEquals,
        (b'&', b'&', _) => AndAnd,
        (b'|', b'|', _) => OrOr,
        (b'+', b'+', _) => PlusPlus,
        (b'-', b'-', _) => MinusMinus,
        (b'-', b'>', _) => Arrow,
        (b'%', b'(', _) => ConditionOpen,
        (b'%', b'?', _) => ConditionThen,
        (b'%', b':', _) => ConditionElse,
        (b'%', b')', _) => ConditionClose,
        (b'(', ..) => LeftParen,
        (b')', ..) => RightParen,
        (b'[', ..) => LeftBracket,
        (b']', ..) => RightBracket,
        (b'{', ..) => LeftBrace,
        (b'}', ..) => RightBrace,
        (b',', ..) => Comma,
        (b';', ..) => Semicolon,
        (b':', ..) => Colon,
        (b'?', ..) => Question,
        (b'.', ..) => Dot,
        (b'+', ..) => Plus,
        (b'-', ..) => Minus,
        (b'*', ..) => Star,
        (b'/', ..) => Slash,
        (b'%', ..) => Percent,
        (b'&', ..) => Ampersand,
        (b'|', ..) => Pipe,
        (b'^', ..) => Caret,
        (b'~', ..) => Tilde,
        (b'!', ..) => Bang,
        (b'=', ..) => Equals,
        (b'<', ..) => Less,
        (b'>', ..) => Greater,
        _ => return None,
    };
    kind.spelling().map(|text| (kind, text.len()))
}

/// Characters that begin nothing, as many as there are in a row: one complaint is enough for them.
fn unknown(rest: &str) -> (SyntaxKind, usize) {
    if rest.starts_with('\u{feff}') {
        return (Whitespace, '\u{feff}'.len_utf8());
    }
    let strange = |letter: char| !letter.is_ascii() || (letter.is_ascii_control() && !letter.is_ascii_whitespace());
    let length = rest.find(|letter| !strange(letter)).unwrap_or(rest.len());
    (Unknown, if length > 0 { length } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let parts: Vec<_> = tokens(text)
            .filter(|(kind, _)| *kind != Whitespace)
            .map(|(kind, token)| format!("{kind:?}{}{token:?}", if is_unterminated(kind, token) { "!" } else { " " }))
            .collect();
        parts.join("\n")
    }

    #[test]
    fn words_and_dollars() {
        insta::assert_snapshot!(shown("probe probes _a1 $x $x$ $$vars x$y $ $$ $1 $12x @1 $# @# @count @ foreach"), @r#"
        ProbeKw "probe"
        Ident "probes"
        Ident "_a1"
        Ident "$x"
        Ident "$x$"
        Ident "$$vars"
        Ident "x$y"
        Dollar "$"
        DollarDollar "$$"
        Argument "$1"
        Argument "$12"
        Ident "x"
        Argument "@1"
        Argument "$#"
        Argument "@#"
        AtWord "@count"
        Unknown "@"
        ForeachKw "foreach"
        "#);
    }

    #[test]
    fn numbers_and_strings() {
        insta::assert_snapshot!(shown("1 0x1f 017 9abc 1.2 \"a\\\"b\" \"\" \"open\n 'x' \"end\\"), @r#"
        Number "1"
        Number "0x1f"
        Number "017"
        Number "9abc"
        Number "1"
        Dot "."
        Number "2"
        StringLiteral "\"a\\\"b\""
        StringLiteral "\"\""
        StringLiteral!"\"open"
        SingleQuoted "'x'"
        StringLiteral!"\"end\\"
        "#);
    }

    #[test]
    fn comments_and_embedded_code() {
        insta::assert_snapshot!(shown("a # b\nc // d\n/* e\n*/ f /**/ /*/ %{ x %y } %} %{ open"), @r##"
        Ident "a"
        Comment "# b"
        Ident "c"
        Comment "// d"
        Comment "/* e\n*/"
        Ident "f"
        Comment "/**/"
        Comment!"/*/ %{ x %y } %} %{ open"
        "##);
    }

    #[test]
    fn longest_operator_wins() {
        insta::assert_snapshot!(shown("<<<=>>>=<<=>>=i+++ ++j a->b a%b %( %? %: %) !~ =~ .= . ** ?!"), @r#"
        Accumulate "<<<"
        Equals "="
        ShiftRightLogical ">>>"
        Equals "="
        ShiftLeftEquals "<<="
        ShiftRightEquals ">>="
        Ident "i"
        PlusPlus "++"
        Plus "+"
        PlusPlus "++"
        Ident "j"
        Ident "a"
        Arrow "->"
        Ident "b"
        Ident "a"
        Percent "%"
        Ident "b"
        ConditionOpen "%("
        ConditionThen "%?"
        ConditionElse "%:"
        ConditionClose "%)"
        BangTilde "!~"
        EqualsTilde "=~"
        DotEquals ".="
        Dot "."
        Star "*"
        Star "*"
        Question "?"
        Bang "!"
        "#);
    }

    #[test]
    fn strange_characters_are_one_token_a_run() {
        insta::assert_snapshot!(shown("\u{feff}a €€ `b \\ \u{1}\u{2}é"), @r#"
        Ident "a"
        Unknown "€€"
        Unknown "`"
        Ident "b"
        Unknown "\\"
        Unknown "\u{1}\u{2}é"
        "#);
    }

    #[test]
    fn tokens_join_to_the_text() {
        let text = "a\\é \"é\\é\" \"\\é\n'\\é'\"\\\"/*é*/#é\n%{é%}é@é$é\u{0}\u{2028}";
        for (start, _) in text.char_indices() {
            let joined: String = tokens(&text[start..]).map(|(_, token)| token).collect();
            assert_eq!(joined, text[start..]);
        }
    }
}
