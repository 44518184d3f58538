//! The three people over an object store, which speaks S3: a server of it that PyPI has (moto), which `cargo xtask test` gets.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use crate::machine::{Machine, copy};
use crate::systap::{self, Outcome, start};

/// A store that ends with this.
struct Store {
    child: Child,
    port: u16,
}

impl Drop for Store {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A store with a bucket, `tapsets`; skipped where none is.
fn store() -> Option<Store> {
    if !cfg!(feature = "s3") {
        eprintln!("skipped: object stores, which this systap was built without (the feature s3)");
        return None;
    }
    let Some(program) = std::env::var_os("SYSTAP_S3_SERVER") else {
        eprintln!("skipped: object stores: SYSTAP_S3_SERVER names no server (`cargo xtask test` gets one)");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    let mut command = systap::command(std::path::Path::new(&program));
    command.args(["-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("the store starts");
    let store = Store { child, port };
    systap::eventually("the store listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let asked =
        format!("PUT /tapsets HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    std::io::Write::write_all(&mut stream, asked.as_bytes()).expect("it can be asked");
    let mut answer = String::new();
    _ = std::io::Read::read_to_string(&mut stream, &mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some(store)
}

impl Store {
    /// Runs systap on a machine that knows the store.
    fn systap(&self, machine: &Machine, line: &str) -> Outcome {
        let mut command = machine.command(systap::binary());
        command.args(line.split_whitespace());
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let known = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "any"),
            ("AWS_SECRET_ACCESS_KEY", "any"),
        ];
        start({
            command.envs(known);
            command
        })
        .wait()
    }

    #[track_caller]
    fn done(&self, machine: &Machine, line: &str) -> String {
        let outcome = self.systap(machine, line);
        assert_eq!(outcome.status.code(), Some(0), "{line}\n{}", outcome.all());
        outcome.text()
    }
}

#[test]
fn over_an_object_store() {
    let Some(store) = store() else { return };
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator.publishes("cache", "1.0.0", "[dependencies]\ndisk = \"1\"\n");
    let place = "s3://tapsets/a/registry";
    assert!(store.done(&operator, &format!("registry push reg {place}")).contains("files put"));
    assert!(store.done(&operator, &format!("registry push reg {place}")).contains(": 0 files put"));
    let user = Machine::new();
    store.done(&user, &format!("registry add corp {place} {}", operator.root()));
    assert!(store.done(&user, "tapset search --alias disk.*").starts_with("disk  1.0.0"));
    assert!(store.done(&user, "tapset install cache").contains("+ disk 1.0.0"));
    operator.publishes("disk", "1.1.0", "");
    operator.done("tapset yank cache@1.0.0 --registry reg --key key.pem");
    // A version, an index, two bins and their names, and metadata, however many tapsets there are.
    let put = store.done(&operator, &format!("registry push reg {place}"));
    let count: usize =
        put.rsplit(": ").next().and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("it says so");
    assert!((5..=14).contains(&count), "{put}");
    assert!(store.done(&user, "tapset why cache").contains("yanked"));
    assert!(store.done(&user, "registry verify").contains("2 tapsets, 3 versions, each byte as signed"));
}

#[test]
fn two_publishers_do_not_undo_each_other() {
    let Some(store) = store() else { return };
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    let place = "s3://tapsets/two";
    store.done(&operator, &format!("registry push reg {place}"));
    copy(&operator.path("work/reg"), &operator.path("work/other"));
    operator.publishes("disk", "1.1.0", "");
    operator.writes_tapset("disk", "1.2.0", "", "");
    operator.done("tapset publish --registry other --key key.pem --allow tests disk");
    store.done(&operator, &format!("registry push reg {place}"));
    let second = store.systap(&operator, &format!("registry push other {place}"));
    second.exits(4).complains(&["somebody else has published there meanwhile"]);
    let user = Machine::new();
    store.done(&user, &format!("registry add corp {place} {}", operator.root()));
    assert!(store.done(&user, "tapset why disk").contains("1.1.0  compatible"));
    assert!(store.done(&user, "registry verify").contains("1 tapsets, 2 versions"));
    // What an older folder has is no news either.
    copy(&operator.path("work/reg"), &operator.path("work/older"));
    operator.publishes("disk", "1.3.0", "");
    store.done(&operator, &format!("registry push reg {place}"));
    store.systap(&operator, &format!("registry push older {place}")).exits(4);
    assert!(store.done(&user, "tapset why disk").contains("1.3.0  compatible"));
}
