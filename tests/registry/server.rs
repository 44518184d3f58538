//! Servers of registries: systap's own, nginx, and one that misbehaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::machine::Machine;
use crate::systap;

/// A server, which ends with this.
pub(crate) struct Server {
    child: Child,
    pub(crate) place: String,
    _folder: Option<tempfile::TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// `systap registry serve` of a folder.
pub(crate) fn systap_serves(machine: &Machine, folder: &str) -> Server {
    let mut command = machine.command(systap::binary());
    command.args(["registry", "serve", "--listen", "127.0.0.1:0", folder]).stderr(Stdio::null());
    let mut child = command.spawn().expect("systap starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says where it listens");
    let place = line.split(' ').next().expect("first of all").to_owned();
    Server { child, place, _folder: None }
}

/// nginx over a folder, as its manual has it for static files; skipped where it is not.
pub(crate) fn nginx_serves(folder: &Path) -> Option<Server> {
    let program = [systap::program("nginx")?];
    let root = tempfile::tempdir().expect("a folder can be made");
    // Its workers are another user, who must get there.
    for path in [root.path(), folder] {
        for above in path.ancestors().take_while(|above| above.starts_with("/tmp") && *above != Path::new("/tmp")) {
            _ = std::fs::set_permissions(above, std::os::unix::fs::PermissionsExt::from_mode(0o755));
        }
    }
    let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    let (at, folder) = (root.path().display(), folder.display());
    let config = format!(
        "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\nevents {{}}\nhttp {{ access_log off; \
         client_body_temp_path {at}/1; proxy_temp_path {at}/2; fastcgi_temp_path {at}/3; uwsgi_temp_path {at}/4; \
         scgi_temp_path {at}/5;\nserver {{ listen 127.0.0.1:{port}; location /r/ {{ alias {folder}/; }} }} }}\n"
    );
    let file = root.path().join("nginx.conf");
    std::fs::write(&file, config).expect("its configuration can be written");
    let mut command = systap::command(&program[0]);
    command.arg("-c").arg(&file).arg("-e").arg(root.path().join("error.log"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nginx starts");
    systap::eventually("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    Some(Server { child, place: format!("http://127.0.0.1:{port}/r/"), _folder: Some(root) })
}

/// How a server misbehaves for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends in the middle, after it has promised more.
    Cut,
    /// It never ends.
    Endless,
    /// A byte a second.
    Drip,
    /// It says that it is broken.
    Broken,
    /// It sends the client around in a circle.
    Circle,
    /// It says nothing at all.
    Silent,
    /// Other bytes of the same length.
    Other,
    /// It says that nothing has changed, whatever the client has.
    Unchanged,
}

/// A server with a fault for those files whose names have a text in them.
pub(crate) struct Faulty {
    pub(crate) place: String,
    fault: Arc<Mutex<Option<(&'static str, Fault)>>>,
    /// The requests, in order.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Faulty {
    pub(crate) fn new(folder: &Path) -> Faulty {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let place = format!("http://{}/", listener.local_addr().expect("it has one"));
        let (fault, asked) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(vec![])));
        let shared = (folder.to_owned(), Arc::clone(&fault), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, fault, asked) = shared.clone();
                std::thread::spawn(move || _ = serve(stream, &folder, &fault, &asked));
            }
        });
        Faulty { place, fault, asked }
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Option<(&'static str, Fault)>) {
        *self.fault.lock().expect("no thread panics") = fault;
    }
}

fn serve(
    stream: TcpStream,
    folder: &Path,
    fault: &Mutex<Option<(&'static str, Fault)>>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let name = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
        while reader.read_line(&mut line)? > 2 {}
        asked.lock().expect("no thread panics").push(name.clone());
        let fault = fault.lock().expect("no thread panics").filter(|(of, _)| name.contains(of)).map(|(_, fault)| fault);
        let file = std::fs::File::open(folder.join(&name)).and_then(|mut file| {
            let mut bytes = vec![];
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        let Ok(mut bytes) = file else {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        };
        let head = |stream: &mut TcpStream, length: usize| {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")
        };
        match fault {
            None => {}
            Some(Fault::Cut) => {
                head(&mut stream, bytes.len())?;
                stream.write_all(&bytes[..bytes.len() / 2])?;
                return Ok(());
            }
            Some(Fault::Endless) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                loop {
                    stream.write_all(&[b' '; 65536])?;
                }
            }
            Some(Fault::Drip) => {
                head(&mut stream, bytes.len())?;
                for byte in bytes {
                    stream.write_all(&[byte])?;
                    std::thread::sleep(Duration::from_secs(1));
                }
                return Ok(());
            }
            Some(Fault::Broken) => {
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            Some(Fault::Circle) => {
                write!(stream, "HTTP/1.1 302 Found\r\nLocation: /{name}\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            Some(Fault::Silent) => {
                std::thread::sleep(Duration::from_secs(30));
                return Ok(());
            }
            Some(Fault::Unchanged) => {
                stream.write_all(b"HTTP/1.1 304 Not Modified\r\n\r\n")?;
                continue;
            }
            Some(Fault::Other) => bytes.iter_mut().for_each(|byte| *byte ^= 1),
        }
        head(&mut stream, bytes.len())?;
        stream.write_all(&bytes)?;
    }
}
