//! The first page, with every tapset, and the page of all names; by their first letters where they are many.

use std::collections::BTreeMap;

use super::Shown;
use super::html::{Kind, anchor, day, escape, page};

/// How many tapsets, and how many names, one page has room for.
const MOST: usize = 500;

/// A whole registry.
pub(super) struct Whole<'s> {
    pub(super) title: &'s str,
    pub(super) signers: &'s [String],
    pub(super) expires: i64,
    pub(super) shown: &'s [Shown],
}

/// Things by the first letters of their names.
type ByLetter<T> = BTreeMap<char, Vec<T>>;

impl Whole<'_> {
    /// The first page, a line a tapset; or a line a letter, and a page of each.
    pub(super) fn tapsets(&self) -> Vec<(String, String)> {
        let title = format!("Tapsets of {}", self.title);
        let mut body = format!("<header>\n<h1>{}</h1>\n", escape(&title));
        body += &format!(
            "<p>{} tapsets, signed by {}; good until {}. <a href=\"names.html\">All aliases and functions</a></p>\n</header>\n<main>\n",
            self.shown.len(),
            escape(&self.signers.join(", ")),
            day(self.expires)
        );
        if self.shown.len() <= MOST {
            let all: Vec<&Shown> = self.shown.iter().collect();
            body += &table(&all);
            return vec![("index.html".to_owned(), page(&title, "", &body))];
        }
        let mut letters: ByLetter<&Shown> = BTreeMap::new();
        for one in self.shown {
            letters.entry(first(&one.name)).or_default().push(one);
        }
        body += &contents(&letters, "tapsets");
        let mut pages = vec![("index.html".to_owned(), page(&title, "", &(body + "</main>\n")))];
        for (letter, some) in &letters {
            let head = self.head(&format!("Tapsets in {letter}"));
            pages.push((format!("tapsets-{letter}.html"), page(&title, "", &(head + &table(some)))));
        }
        pages
    }

    /// All aliases and functions, each with a link to where it is told; or a page a letter.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        let title = format!("Aliases and functions of {}", self.title);
        let mut letters: ByLetter<Name<'_>> = BTreeMap::new();
        for one in self.shown {
            let Some(newest) = one.tapset.newest() else { continue };
            let aliases = newest.aliases.keys().map(|alias| (alias.as_str(), Kind::Alias, one.name.as_str()));
            let functions = newest.functions.iter().map(|name| (name.as_str(), Kind::Function, one.name.as_str()));
            aliases.chain(functions).for_each(|name| letters.entry(first(name.0)).or_default().push(name));
        }
        letters.values_mut().for_each(|names| names.sort_unstable_by_key(|(name, kind, of)| (*name, *kind as u8, *of)));
        let mut body = self.head("Aliases and functions");
        if letters.values().map(Vec::len).sum::<usize>() <= MOST {
            let all: Vec<Name<'_>> = letters.into_values().flatten().collect();
            body += &list(&all);
            return vec![("names.html".to_owned(), page(&title, "", &body))];
        }
        body += &contents(&letters, "names");
        let mut pages = vec![("names.html".to_owned(), page(&title, "", &(body + "</main>\n")))];
        for (letter, some) in &letters {
            let head = self.head(&format!("Aliases and functions in {letter}"));
            pages.push((format!("names-{letter}.html"), page(&title, "", &(head + &list(some)))));
        }
        pages
    }

    /// What stands above a page that is not the first.
    fn head(&self, title: &str) -> String {
        format!(
            "<header>\n<p><a href=\"index.html\">Tapsets of {}</a></p>\n<h1>{}</h1>\n</header>\n<main>\n",
            escape(self.title),
            escape(title)
        )
    }
}

/// A name, what it is of, and its tapset.
type Name<'s> = (&'s str, Kind, &'s str);

/// The letter that a name is filed under.
fn first(name: &str) -> char {
    name.chars().next().filter(char::is_ascii_alphanumeric).map_or('_', |c| c.to_ascii_lowercase())
}

/// A line a letter.
fn contents<T>(letters: &ByLetter<T>, file: &str) -> String {
    let mut text = String::from("<ul class=\"names\">\n");
    for (letter, some) in letters {
        text += &format!("<li><a href=\"{file}-{letter}.html\">{letter}</a> <small>{}</small></li>\n", some.len());
    }
    text + "</ul>\n"
}

/// A line a tapset.
fn table(shown: &[&Shown]) -> String {
    let mut body = String::from(
        "<p><label for=\"filter\" hidden>Filter</label> <input id=\"filter\" type=\"search\" placeholder=\"a name, or what it is for\" \
         hidden></p>\n<div class=\"wide\"><table id=\"tapsets\">\n<caption>Tapsets, by name</caption>\n<thead><tr>\
         <th scope=\"col\">Tapset</th><th scope=\"col\">Version</th><th scope=\"col\">What it is for</th>\
         <th scope=\"col\">Aliases</th></tr></thead>\n<tbody>\n",
    );
    for one in shown {
        let Some(newest) = one.tapset.newest() else { continue };
        body += &format!(
            "<tr><th scope=\"row\"><a href=\"{0}/\">{0}</a></th><td>{1}</td><td>{2}</td><td class=\"number\">{3}</td></tr>\n",
            escape(&one.name),
            escape(&newest.version.to_string()),
            escape(&newest.summary),
            newest.aliases.len()
        );
    }
    body + "</tbody>\n</table></div>\n</main>\n<script src=\"filter.js\"></script>\n"
}

/// A line a name.
fn list(names: &[Name<'_>]) -> String {
    let mut body = String::from("<ul class=\"names\">\n");
    for (name, kind, tapset) in names {
        let word = match kind {
            Kind::Alias => "alias",
            Kind::Function => "function",
        };
        body += &format!(
            "<li><a href=\"{0}/#{1}\"><code>{2}</code></a> <small>{word} of {0}</small></li>\n",
            escape(tapset),
            anchor(*kind, name),
            escape(name)
        );
    }
    body + "</ul>\n</main>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Tapset, made::entry};

    fn shown(name: &str) -> Shown {
        let mut entry = entry(name, "1.0.0", &[]);
        entry.aliases = [(format!("{name}.start"), vec![])].into();
        Shown {
            name: name.to_owned(),
            tapset: Tapset { entries: vec![entry], ..Tapset::default() },
            doc: Default::default(),
        }
    }

    #[test]
    fn many_are_filed_by_their_letters() {
        let pages = |count: usize| {
            let letter = |nth: usize| char::from(b'a' + (nth % 3) as u8);
            let shown: Vec<Shown> = (0..count).map(|nth| shown(&format!("{}{nth}", letter(nth)))).collect();
            let whole = Whole { title: "test", signers: &[], expires: 0, shown: &shown };
            whole.tapsets().into_iter().chain(whole.names()).collect::<BTreeMap<_, _>>()
        };
        let few = pages(MOST);
        assert_eq!(few.keys().collect::<Vec<_>>(), ["index.html", "names.html"]);
        assert_eq!(few["names.html"].matches("<li>").count(), MOST);
        let many = pages(MOST + 1);
        assert_eq!(many.len(), 2 + 3 + 3);
        assert!(many["index.html"].contains("<a href=\"tapsets-a.html\">a</a> <small>167</small>"));
        assert_eq!(many["tapsets-c.html"].matches("<tr><th scope=\"row\">").count(), 167);
        assert!(many["names-b.html"].contains("<a href=\"b1/#alias-b1.start\">"));
    }
}
