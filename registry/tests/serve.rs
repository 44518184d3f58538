//! The server of a registry's folder, asked as browsers, systap and attackers ask.

#![expect(clippy::unwrap_used, reason = "a test whose server cannot be made has failed")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use systap_registry::serve::Server;

/// A folder that is served, and where.
struct Served {
    root: tempfile::TempDir,
    address: SocketAddr,
}

fn served() -> Served {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("registry");
    for (name, text) in [
        ("metadata/timestamp.json", "{\"signed\":{}}"),
        ("index/vm.json", &"{\"v\":1}\n".repeat(200)),
        ("index.html", "<!doctype html>"),
        (".lock", "hidden"),
        ("packages/vm/vm-1.0.0.tapset", "0123456789"),
        (&format!("targets/{}.bin-5b.txt", "a".repeat(64)), "vm 1 x"),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(root.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("index.html", folder.join("own.html")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe.json")).status().unwrap();
    assert!(made.success());
    let server = Server::bind(&folder, "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.address().unwrap();
    std::thread::spawn(move || server.run(|_| {}).unwrap());
    Served { root, address }
}

impl Served {
    /// Sends bytes as they are, and gives all that comes until the connection ends.
    fn raw(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = vec![];
        _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks for a path, with more headers.
    fn get(&self, path: &str, headers: &str) -> String {
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
    }
}

#[test]
fn a_long_file_is_read_as_it_is_taken() {
    let served = served();
    let path = served.root.path().join("registry/packages/vm/long.tapset");
    let long = vec![b'x'; 48 << 20];
    std::fs::write(&path, &long).unwrap();
    let before = resident();
    let slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(served.address).unwrap();
            stream.write_all(b"GET /packages/vm/long.tapset HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream.read_exact(&mut [0; 12]).unwrap();
            stream
        })
        .collect();
    let held = resident().saturating_sub(before);
    assert!(held < 48 << 20, "50 clients that have taken 12 bytes each hold {held} bytes");
    let whole = served.get("/packages/vm/long.tapset", "");
    assert_eq!(body(&whole).len(), long.len());
    let part = served.get("/packages/vm/long.tapset", "Range: bytes=100000-399999\r\n");
    assert_eq!(body(&part).len(), 300_000);
    drop(slow);
}

/// How much memory this process holds, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn files_are_given_whole_or_in_part() {
    let served = served();
    let whole = served.get("/packages/vm/vm-1.0.0.tapset", "");
    assert!(whole.starts_with("HTTP/1.1 200 OK") && body(&whole) == "0123456789", "{whole}");
    assert_eq!(header(&whole, "content-length"), Some("10"));
    assert_eq!(header(&whole, "accept-ranges"), Some("bytes"));
    let part = served.get("/packages/vm/vm-1.0.0.tapset", "Range: bytes=2-4\r\n");
    assert!(part.starts_with("HTTP/1.1 206") && body(&part) == "234", "{part}");
    assert_eq!(header(&part, "content-range"), Some("bytes 2-4/10"));
    let none = served.get("/packages/vm/vm-1.0.0.tapset", "Range: bytes=10-\r\n");
    assert!(none.starts_with("HTTP/1.1 416") && header(&none, "content-range") == Some("bytes */10"), "{none}");
    let etag = header(&whole, "etag").unwrap();
    let other = served.get("/packages/vm/vm-1.0.0.tapset", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n");
    assert_eq!(body(&other), "0123456789", "a part of another file is of no use");
    let same = served.get("/packages/vm/vm-1.0.0.tapset", &format!("If-None-Match: \"x\", {etag}\r\n"));
    assert!(same.starts_with("HTTP/1.1 304") && body(&same).is_empty(), "{same}");
    let head = served.raw("HEAD /packages/vm/vm-1.0.0.tapset HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && body(&head).is_empty(), "{head}");
    assert_eq!(header(&head, "content-length"), Some("10"));
    assert!(served.get("/", "").ends_with("<!doctype html>"));
    let hashed = served.get(&format!("/targets/{}.bin-5b.txt", "a".repeat(64)), "");
    assert!(header(&hashed, "cache-control").unwrap().contains("immutable"), "{hashed}");
    assert_eq!(header(&whole, "cache-control"), Some("no-cache"));
}

#[test]
fn text_is_packed_for_who_can_unpack_it() {
    let served = served();
    let plain = served.get("/index/vm.json", "");
    let packed = served.get("/index/vm.json", "Accept-Encoding: br, gzip;q=0.5\r\n");
    assert_eq!(header(&packed, "content-encoding"), Some("gzip"));
    assert!(body(&packed).len() * 4 < header(&plain, "content-length").unwrap().parse().unwrap(), "{packed}");
    assert_eq!(header(&plain, "vary"), Some("accept-encoding"));
    let etag = header(&packed, "etag").unwrap();
    assert!(served.get("/index/vm.json", &format!("If-None-Match: {etag}\r\n")).starts_with("HTTP/1.1 304"));
    let refused = served.get("/index/vm.json", "Accept-Encoding: gzip;q=0\r\n");
    assert_eq!(header(&refused, "content-encoding"), None);
}

#[test]
fn nothing_else_is_given() {
    let served = served();
    for path in [
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "/link.txt",
        "/.lock",
        "/metadata",
        "/metadata/",
        "//etc/passwd",
        "/nothing",
        "/index/vm.json/x",
        "/pipe.json",
        "/index/vm.json%00",
    ] {
        let answer = served.get(path, "");
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
    assert!(served.get("/own.html", "").starts_with("HTTP/1.1 200"), "a link that stays below is followed");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = served.raw(&format!(
            "{method} /index.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 405") && header(&answer, "allow") == Some("GET, HEAD"), "{answer}");
    }
    for odd in ["nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET  HTTP/1.1\r\n\r\n"] {
        let answer = served.raw(odd);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{odd:?}: {answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let answer = served.raw(&long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    drop(served.root);
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let served = served();
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(served.address).unwrap();
            stream.write_all(b"GET /index.html HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    assert!(served.get("/index.html", "").starts_with("HTTP/1.1 200"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    // And are sent away after a time.
    let mut first = slow.into_iter().next().unwrap();
    first.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = vec![];
    let ended = first.read_to_end(&mut rest);
    assert!(ended.is_ok() || begun.elapsed() < Duration::from_secs(19), "{ended:?}");
}
