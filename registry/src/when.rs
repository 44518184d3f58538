//! The conditions of `when`: what a kernel must have for a script of a tapset to be of use on it.
//!
//! `tracepoint("sched:sched_switch") and not (kernel < "6.14" or config("CONFIG_SLOB"))`. Must never ask a kernel more than decides
//! the answer, and always tell which part was false.

use std::fmt;
use std::str::FromStr;

/// What a kernel has or lacks, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature<'a> {
    /// A tracepoint: `name`, or `subsystem:name`.
    Tracepoint(&'a str),
    /// A function that a probe can name.
    Function(&'a str),
    /// A member of a struct or union: its type's name, without `struct`, and its own.
    Field(&'a str, &'a str),
    /// A type: `struct x`, `union x`, `enum x`, or a typedef's name.
    Type(&'a str),
    /// An option that is set, as y, m or a value: `CONFIG_X`.
    Config(&'a str),
}

/// What conditions are asked of.
pub trait KernelFacts {
    /// Whether the kernel has it. What cannot be told it does not have.
    fn has(&self, feature: Feature<'_>) -> bool;

    /// The numbers at the start of its release.
    fn release(&self) -> Vec<u32>;

    /// Its architecture, as `uname -m` has it.
    fn arch(&self) -> String;
}

/// What is wrong with the text of a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said} (at character {} of `{text}`)", .at + 1)]
pub struct ConditionError {
    /// The sentence.
    said: String,
    /// The whole text.
    text: String,
    /// Where, in bytes from its start.
    at: usize,
}

/// A condition on a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Has(Ask),
    Release(Relation, Vec<u32>),
    Arch(Relation, String),
}

/// A feature that is asked for, with names of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    Tracepoint(String),
    Function(String),
    Field(String, String),
    Type(String),
    Config(String),
}

impl Ask {
    fn feature(&self) -> Feature<'_> {
        match self {
            Ask::Tracepoint(name) => Feature::Tracepoint(name),
            Ask::Function(name) => Feature::Function(name),
            Ask::Field(of, name) => Feature::Field(of, name),
            Ask::Type(name) => Feature::Type(name),
            Ask::Config(name) => Feature::Config(name),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    More,
}

const RELATIONS: [(&str, Relation); 6] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<", Relation::Less),
    (">", Relation::More),
];

impl Relation {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Relation::Less => left < right,
            Relation::AtMost => left <= right,
            Relation::Equal => left == right,
            Relation::Unequal => left != right,
            Relation::AtLeast => left >= right,
            Relation::More => left > right,
        }
    }
}

impl Condition {
    /// The first part that is false on that kernel, as text; `None` if the condition holds.
    pub fn fails_on(&self, kernel: &dyn KernelFacts) -> Option<String> {
        self.node.fails_on(kernel)
    }
}

impl Node {
    fn fails_on(&self, kernel: &dyn KernelFacts) -> Option<String> {
        let holds = match self {
            Node::All(parts) => return parts.iter().find_map(|part| part.fails_on(kernel)),
            // None of several is as good a reason as any: all of them are told.
            Node::Any(parts) => !parts.iter().all(|part| part.fails_on(kernel).is_some()),
            Node::Not(part) => part.fails_on(kernel).is_some(),
            Node::Has(ask) => kernel.has(ask.feature()),
            Node::Release(relation, wanted) => {
                // As many numbers as are asked for: 6.1.5 is 6.1.
                let mut release = kernel.release();
                release.resize(wanted.len(), 0);
                relation.holds(&release, wanted)
            }
            Node::Arch(relation, wanted) => relation.holds(&kernel.arch(), wanted),
        };
        (!holds).then(|| self.to_string())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Node], word: &str| {
            for (nth, part) in parts.iter().enumerate() {
                if nth > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Node::All(_) | Node::Any(_) => write!(f, "({part})")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        let sign =
            |wanted: &Relation| RELATIONS.iter().find(|(_, relation)| relation == wanted).map_or("", |row| row.0);
        match self {
            Node::All(parts) => list(f, parts, "and"),
            Node::Any(parts) => list(f, parts, "or"),
            Node::Not(part) => match **part {
                Node::All(_) | Node::Any(_) => write!(f, "not ({part})"),
                _ => write!(f, "not {part}"),
            },
            Node::Has(Ask::Tracepoint(name)) => write!(f, "tracepoint(\"{name}\")"),
            Node::Has(Ask::Function(name)) => write!(f, "function(\"{name}\")"),
            Node::Has(Ask::Field(of, name)) => write!(f, "field(\"{of}\", \"{name}\")"),
            Node::Has(Ask::Type(name)) => write!(f, "btf(\"{name}\")"),
            Node::Has(Ask::Config(name)) => write!(f, "config(\"{name}\")"),
            Node::Release(relation, numbers) => {
                let text: Vec<String> = numbers.iter().map(u32::to_string).collect();
                write!(f, "kernel {} \"{}\"", sign(relation), text.join("."))
            }
            Node::Arch(relation, name) => write!(f, "arch {} \"{name}\"", sign(relation)),
        }
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let node = parser.any()?;
        parser.space();
        if parser.rest().is_empty() {
            Ok(Condition { node })
        } else {
            Err(parser.error("expected `and`, `or` or the end"))
        }
    }
}

/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 50;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, said: impl Into<String>) -> ConditionError {
        ConditionError { said: said.into(), text: self.text.to_owned(), at: self.at }
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes a sign, if it comes next.
    fn takes(&mut self, sign: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), ConditionError> {
        if self.takes(sign) { Ok(()) } else { Err(self.error(format!("expected `{sign}`"))) }
    }

    /// Takes a word, if it comes next as a whole.
    fn takes_word(&mut self, word: &str) -> bool {
        self.space();
        let rest = self.rest();
        let whole =
            rest.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        self.at += if whole { word.len() } else { 0 };
        whole
    }

    fn any(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() > 1 { Node::Any(parts) } else { parts.remove(0) })
    }

    fn all(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.one()?];
        while self.takes_word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() > 1 { Node::All(parts) } else { parts.remove(0) })
    }

    fn one(&mut self) -> Result<Node, ConditionError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error("this nests too deep"));
        }
        let node = self.term();
        self.depth -= 1;
        node
    }

    fn term(&mut self) -> Result<Node, ConditionError> {
        if self.takes_word("not") {
            return Ok(Node::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.takes_word("kernel") {
            let relation = self.relation()?;
            let (start, text) = self.string()?;
            let numbers: Option<Vec<u32>> = text.split('.').map(|number| number.parse().ok()).collect();
            return match numbers {
                Some(numbers) if (1..=4).contains(&numbers.len()) => Ok(Node::Release(relation, numbers)),
                _ => {
                    self.at = start;
                    Err(self.error("expected the numbers of a release, as \"6.1\""))
                }
            };
        }
        if self.takes_word("arch") {
            let relation = self.relation()?;
            if !matches!(relation, Relation::Equal | Relation::Unequal) {
                return Err(self.error("an architecture is compared by == or !="));
            }
            return Ok(Node::Arch(relation, self.string()?.1));
        }
        type Make = fn(String) -> Ask;
        let asks: [(&str, Make); 4] =
            [("tracepoint", Ask::Tracepoint), ("function", Ask::Function), ("btf", Ask::Type), ("config", Ask::Config)];
        for (word, make) in asks {
            if self.takes_word(word) {
                self.expect("(")?;
                let name = self.string()?.1;
                self.expect(")")?;
                return Ok(Node::Has(make(name)));
            }
        }
        if self.takes_word("field") {
            self.expect("(")?;
            let of = self.string()?.1;
            self.expect(",")?;
            let name = self.string()?.1;
            self.expect(")")?;
            return Ok(Node::Has(Ask::Field(of, name)));
        }
        let known = "tracepoint(…), function(…), field(…, …), btf(…), config(…), kernel or arch";
        Err(self.error(format!("expected {known}")))
    }

    fn relation(&mut self) -> Result<Relation, ConditionError> {
        let found = RELATIONS.into_iter().find(|(sign, _)| self.takes(sign));
        found.map(|(_, relation)| relation).ok_or_else(|| self.error("expected ==, !=, <, <=, > or >="))
    }

    /// A text in quotes, and where it begins.
    fn string(&mut self) -> Result<(usize, String), ConditionError> {
        self.expect("\"")?;
        let start = self.at;
        let Some(len) = self.rest().find('"') else { return Err(self.error("this text does not end")) };
        let text = &self.text[start..start + len];
        if text.is_empty() {
            return Err(self.error("expected a name"));
        }
        self.at += len + 1;
        Ok((start, text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel 6.1.5 for x86_64 that has what is in the list.
    struct Made(&'static [&'static str]);

    impl KernelFacts for Made {
        fn has(&self, feature: Feature<'_>) -> bool {
            let name = match feature {
                Feature::Field(of, name) => format!("{of}.{name}"),
                Feature::Tracepoint(name) | Feature::Function(name) | Feature::Type(name) | Feature::Config(name) => {
                    name.to_owned()
                }
            };
            self.0.contains(&name.as_str())
        }

        fn release(&self) -> Vec<u32> {
            vec![6, 1, 5]
        }

        fn arch(&self) -> String {
            "x86_64".to_owned()
        }
    }

    fn fails(text: &str) -> Option<String> {
        let condition: Condition = text.parse().unwrap();
        assert_eq!(condition.to_string().parse::<Condition>().unwrap(), condition, "its text reads as itself");
        condition.fails_on(&Made(&["sched:sched_switch", "vfs_read", "cfs_rq.nr_queued", "CONFIG_SMP", "struct x"]))
    }

    #[test]
    fn what_a_kernel_has() {
        for holds in [
            "tracepoint(\"sched:sched_switch\")",
            "function(\"vfs_read\") and field(\"cfs_rq\",\"nr_queued\")",
            "btf(\"struct x\") and config(\"CONFIG_SMP\")",
            "not function(\"vfs_rread\")",
            "function(\"no\") or function(\"vfs_read\")",
            "not (function(\"no\") or function(\"none\"))",
            "kernel >= \"6.1\" and kernel < \"6.2\" and kernel == \"6\"",
            "kernel > \"6.1.4\" and kernel <= \"6.1.5.0\"",
            "arch == \"x86_64\" and arch != \"aarch64\"",
        ] {
            assert_eq!(fails(holds), None, "{holds}");
        }
    }

    #[test]
    fn what_is_false_is_told() {
        let told = [
            ("kernel >= \"6.14\"", "kernel >= \"6.14\""),
            ("function(\"vfs_read\") and function(\"no\")", "function(\"no\")"),
            ("function(\"no\") or function(\"none\")", "function(\"no\") or function(\"none\")"),
            ("not config(\"CONFIG_SMP\")", "not config(\"CONFIG_SMP\")"),
            ("arch == \"aarch64\"", "arch == \"aarch64\""),
        ];
        for (text, part) in told {
            assert_eq!(fails(text).as_deref(), Some(part));
        }
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let said = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        let deep = "(".repeat(60);
        let all: Vec<String> = [
            "",
            "tracepoint",
            "tracepoint(\"a\"",
            "tracepoint(\"\")",
            "function(\"a)",
            "kernel \"6.1\"",
            "kernel >= \"six\"",
            "arch < \"x86_64\"",
            "function(\"a\") function(\"b\")",
            "tracepoints(\"a\")",
            &deep,
        ]
        .map(said)
        .to_vec();
        insta::assert_snapshot!(all.join("\n"));
    }
}
