//! Serves the folder of a registry over HTTP/1.1, to be read: for those without a web server.
//!
//! Must never give a file that is not below the folder, nor a hidden one, nor take anything from who asks but a name.

mod answer;
mod body;
mod places;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use answer::answer;
use places::Places;

/// How long a client may take to send its request.
const LONGEST_REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may last.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    folder: PathBuf,
}

/// What was asked for and how it was answered, for a log.
#[derive(Debug, Clone)]
pub struct Served {
    /// Who asked.
    pub from: SocketAddr,
    /// The method and the path, with what is no plain letter escaped.
    pub request: String,
    /// The status.
    pub status: u16,
    /// Bytes of the body, before they were sent.
    pub bytes: u64,
}

impl Server {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the folder is none, or the address cannot be listened at.
    pub fn bind(folder: &Path, address: SocketAddr) -> io::Result<Server> {
        let folder = folder.canonicalize()?;
        if !folder.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Server { listener, folder })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends, and tells of each answer.
    ///
    /// # Errors
    /// Where it cannot listen any more.
    pub fn run(self, told: impl Fn(Served) + Clone + 'static) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            let folder: Rc<Path> = self.folder.into();
            let places = Rc::new(Places::default());
            loop {
                let (stream, from) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    // One that went away, or no room for more files: others may do better.
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                };
                // Who is sent away at once tries again, or has taken too much already.
                let Some(place) = Places::take(&places, from.ip()) else { continue };
                let (folder, told) = (folder.clone(), told.clone());
                let service = service_fn(move |request| {
                    let (folder, told) = (folder.clone(), told.clone());
                    async move {
                        let (response, served) = answer(&folder, from, &request);
                        told(served);
                        Ok::<_, Infallible>(response)
                    }
                });
                tokio::task::spawn_local(async move {
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new()).header_read_timeout(LONGEST_REQUEST).max_buf_size(64 << 10);
                    // Who goes away in the middle has what he has.
                    let connection = server.serve_connection(TokioIo::new(stream), service);
                    _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
                    drop(place);
                });
            }
        })
    }
}
