//! Examples, as scripts that can be compiled and claims that can be tried. Must never run anything.

/// `expression is value`: what a call gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The expression.
    pub expression: String,
    /// A number or a string, as a script has it.
    pub value: String,
}

/// The claims that an example consists of, separated by commas; none if it is a script or statements.
pub(super) fn claims(example: &str) -> Vec<Claim> {
    let mut claims = vec![];
    let mut rest = example;
    while let Some((expression, after)) = rest.split_once(" is ") {
        let Some(length) = literal(after) else { return vec![] };
        let (value, behind) = after.split_at(length);
        claims.push(Claim { expression: expression.trim().to_owned(), value: value.to_owned() });
        match behind.strip_prefix(", ") {
            Some(more) => rest = more,
            None if behind.is_empty() || behind == "." => return claims,
            None => return vec![],
        }
    }
    vec![]
}

/// How many bytes the number or string has that a text begins with.
fn literal(text: &str) -> Option<usize> {
    if let Some(inside) = text.strip_prefix('"') {
        let mut escaped = false;
        let end = inside.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        })?;
        return Some(end + 2);
    }
    let digits = text.trim_start_matches('-');
    let length = digits.bytes().take_while(|byte| byte.is_ascii_hexdigit() || *byte == b'x').count();
    (length > 0 && digits.starts_with(|c: char| c.is_ascii_digit())).then_some(text.len() - digits.len() + length)
}

/// An example as a whole script.
pub(super) fn script(example: &str) -> String {
    let begins = |word: &str| example.starts_with(word);
    if ["probe ", "global ", "function ", "@define "].into_iter().any(begins) {
        return example.to_owned();
    }
    let claims = claims(example);
    if claims.is_empty() {
        return format!("probe oneshot {{ {example} }}");
    }
    let lines = claims.iter().map(|claim| format!("println(({}) == ({}))", claim.expression, claim.value));
    format!("probe oneshot {{ {} }}", lines.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_told_from_statements() {
        let found = claims(r#"f(1) is "a, \" is 2", g("x", 0) is -0x1f."#);
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|claim| (claim.expression.as_str(), claim.value.as_str())).collect();
        assert_eq!(pairs, [("f(1)", r#""a, \" is 2""#), (r#"g("x", 0)"#, "-0x1f")]);
        assert_eq!(claims("println(f(1))"), []);
        assert_eq!(claims("f(1) is what it was"), []);
        assert_eq!(script("f(1) is 2."), "probe oneshot { println((f(1)) == (2)) }");
        assert_eq!(script("exit()"), "probe oneshot { exit() }");
        assert_eq!(script("probe end { }"), "probe end { }");
    }
}
