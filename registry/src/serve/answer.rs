//! The answer to one request: a file or a part of one, that it has not changed, or why there is none.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use super::Served;
use super::body::Body;

/// No file is longer, in bytes: nothing of a registry is.
const LONGEST: u64 = 64 << 20;
/// Shorter files are not packed for the wire.
const WORTH_PACKING: u64 = 512;

/// Answers a request.
pub(super) fn answer<B>(folder: &Path, from: SocketAddr, request: &Request<B>) -> (Response<Body>, Served) {
    let path = request.uri().path();
    let told = format!("{} {}", request.method(), path.escape_default());
    let response = match *request.method() {
        Method::GET | Method::HEAD => file(folder, path, request.headers()),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, &[(ALLOW, "GET, HEAD".to_owned())]),
    };
    let status = response.status().as_u16();
    let bytes = hyper::body::Body::size_hint(response.body()).lower();
    // Of a HEAD hyper sends the head alone.
    (response, Served { from, request: told, status, bytes })
}

fn plain(status: StatusCode, headers: &[(HeaderName, String)]) -> Response<Body> {
    let mut text = status.canonical_reason().unwrap_or_default().to_owned();
    text.push('\n');
    let headers = headers.iter().cloned().chain([(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())]);
    with(status, headers, Body::Text(text.into()))
}

fn with(status: StatusCode, headers: impl IntoIterator<Item = (HeaderName, String)>, body: Body) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap_or_else(|_| Response::new(Body::Text(Default::default())))
}

fn file(folder: &Path, path: &str, asked: &HeaderMap) -> Response<Body> {
    let Some(name) = relative(path) else { return plain(StatusCode::NOT_FOUND, &[]) };
    let (file, facts) = match open(folder, &name) {
        Ok(opened) => opened,
        Err(_) => return plain(StatusCode::NOT_FOUND, &[]),
    };
    let length = facts.len();
    // Length and time of change: a file that is replaced by a rename has another.
    let etag = format!("\"{length:x}-{:x}-{:x}\"", facts.mtime(), facts.mtime_nsec());
    let immutable = is_named_by_hash(&name);
    let mut headers = vec![
        (ETAG, etag.clone()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CACHE_CONTROL, if immutable { "public, max-age=31536000, immutable" } else { "no-cache" }.to_owned()),
        (CONTENT_TYPE, content_type(&name).to_owned()),
        (HeaderName::from_static("x-content-type-options"), "nosniff".to_owned()),
    ];
    let text = |name: HeaderName| asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // A packed answer's tag is the same with a mark, and stands for the same bytes.
    let same = |tag: &str| tag == "*" || tag.trim_start_matches("W/").replace("-gz\"", "\"") == etag;
    if text(IF_NONE_MATCH).split(',').any(|tag| same(tag.trim())) {
        return with(StatusCode::NOT_MODIFIED, headers, Body::Text(Default::default()));
    }
    let range = text(RANGE);
    let if_range = text(IF_RANGE);
    if !range.is_empty() && (if_range.is_empty() || if_range == etag) {
        match part(range, length) {
            Part::Whole => {}
            Part::None => {
                return plain(StatusCode::RANGE_NOT_SATISFIABLE, &[(CONTENT_RANGE, format!("bytes */{length}"))]);
            }
            Part::From(first, last) => {
                headers.push((CONTENT_RANGE, format!("bytes {first}-{last}/{length}")));
                return match Body::part(file, first, last - first + 1) {
                    Ok(body) => with(StatusCode::PARTIAL_CONTENT, headers, body),
                    Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, &[]),
                };
            }
        }
    }
    let can_unpack = text(ACCEPT_ENCODING).split(',').any(|way| {
        let mut words = way.split(';').map(str::trim);
        words.next() == Some("gzip") && !words.any(|word| word == "q=0")
    });
    // Packages and names are packed already.
    let is_text = [".json", ".html", ".css", ".js"].iter().any(|end| path.ends_with(end));
    if is_text {
        headers.push((VARY, "accept-encoding".to_owned()));
    }
    if is_text && can_unpack && length >= WORTH_PACKING {
        headers[0].1 = etag.trim_end_matches('"').to_owned() + "-gz\"";
        headers.push((CONTENT_ENCODING, "gzip".to_owned()));
        return with(StatusCode::OK, headers, Body::packed(file, length));
    }
    with(StatusCode::OK, headers, Body::Part(file, length))
}

/// The name of a file below the folder, of the path of a request. What is hidden, goes up, or is odd in any way has none.
fn relative(path: &str) -> Option<PathBuf> {
    let mut name = PathBuf::new();
    let path = path.strip_prefix('/')?;
    // A page's folder stands for the page.
    let path = if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
    for part in path.split('/') {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
        if part.is_empty() || part.starts_with('.') || !part.bytes().all(plain) {
            return None;
        }
        name.push(part);
    }
    Some(name)
}

/// Opens a plain file whose place is below the folder, wherever links lead.
fn open(folder: &Path, name: &Path) -> io::Result<(std::fs::File, std::fs::Metadata)> {
    let place = folder.join(name).canonicalize()?;
    let file = if place.starts_with(folder) {
        crate::access::open(&place)?
    } else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let facts = file.metadata()?;
    if facts.len() <= LONGEST { Ok((file, facts)) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// What of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// All of it; also where the range makes no sense, or there are several.
    Whole,
    /// Nothing that is there.
    None,
    /// From a byte to a byte, both included.
    From(u64, u64),
}

fn part(range: &str, length: u64) -> Part {
    let Some((from, to)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let last = length.saturating_sub(1);
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from > to => Part::Whole,
        (Ok(from), _) if from >= length => Part::None,
        (Ok(from), Ok(to)) => Part::From(from, to.min(last)),
        (Ok(from), Err(_)) if to.is_empty() => Part::From(from, last),
        (Err(_), Ok(0)) if from.is_empty() => Part::None,
        (Err(_), Ok(count)) if from.is_empty() && length > 0 => Part::From(length.saturating_sub(count), last),
        _ => Part::Whole,
    }
}

/// Whether a file is named by its hash, and so never changes.
fn is_named_by_hash(name: &Path) -> bool {
    let file = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("targets") && file.split_once('.').is_some_and(|(hash, _)| hash.len() == 64)
}

fn content_type(name: &Path) -> &'static str {
    match name.extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_folder() {
        for (path, name) in [("/", "index.html"), ("/vm/", "vm/index.html"), ("/index/vm.json", "index/vm.json")] {
            assert_eq!(relative(path).as_deref(), Some(Path::new(name)), "{path}");
        }
        for path in [
            "",
            "x",
            "//etc/passwd",
            "/../etc/passwd",
            "/a/../b",
            "/.lock",
            "/a/.git/config",
            "/%2e%2e/x",
            "/a b",
            "/a\\b",
        ] {
            assert_eq!(relative(path), None, "{path}");
        }
    }

    #[test]
    fn ranges() {
        for (range, of) in [
            ("bytes=0-3", Part::From(0, 3)),
            ("bytes=4-", Part::From(4, 9)),
            ("bytes=-3", Part::From(7, 9)),
            ("bytes=-30", Part::From(0, 9)),
            ("bytes=8-30", Part::From(8, 9)),
            ("bytes=10-", Part::None),
            ("bytes=-0", Part::None),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes=a-b", Part::Whole),
        ] {
            assert_eq!(part(range, 10), of, "{range}");
        }
    }
}
