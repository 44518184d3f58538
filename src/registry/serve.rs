//! `systap registry serve`: a registry's folder over http.

use std::path::Path;

use systap_registry::serve::Server;

use crate::cli::ServeOptions;
use crate::outcome::Status;
use crate::tapset::failure::Failure;
use crate::terminal;

/// Serves until it is ended; each answer is a line on standard error.
pub(super) fn serve(options: &ServeOptions) -> Result<Status, Failure> {
    let folder: &Path = &options.folder;
    let failed =
        |error: std::io::Error| Failure::registry(format!("{} at {}: {error}", folder.display(), options.listen));
    if !folder.join("metadata").is_dir() {
        return Err(Failure::registry(format!("{} is no registry: it has no metadata/", folder.display())));
    }
    let server = Server::bind(folder, options.listen).map_err(failed)?;
    let address = server.address().map_err(failed)?;
    terminal::write_to_stdout(&format!("http://{address}/ serves {}\n", folder.display()));
    server
        .run(|served| {
            let line = format!("{} {} {} {}\n", served.from.ip(), served.request, served.status, served.bytes);
            terminal::write_to_stderr(line.as_bytes());
        })
        .map_err(failed)?;
    Ok(Status::Done)
}
