//! `systap registry push`: a registry's folder into an object store.

use crate::cli::PushOptions;
use crate::outcome::Status;
use crate::tapset::failure::Failure;

/// Brings what is new.
#[cfg(feature = "s3")]
pub(super) fn push(options: &PushOptions) -> Result<Status, Failure> {
    use crate::cli::RegistryChoice;
    use crate::registries::{Registries, patience};

    let place = options.place.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    let path = options.folder.join("metadata/1.root.json");
    let root = std::fs::read(&path).map_err(|error| Failure::registry(format!("{}: {error}", path.display())))?;
    let choice = RegistryChoice {
        registry: Some(options.folder.display().to_string()),
        root: Some(path.display().to_string()),
        ..RegistryChoice::default()
    };
    let all = Registries::new(&choice)?.all()?;
    let Some(from) = all.first() else { return Err(Failure::usage("there is no registry to push")) };
    let put = systap_registry::trust::push(from, root, &place, patience())
        .map_err(|error| Failure::registry(error.to_string()))?;
    Ok(crate::terminal::write_to_stdout(&format!("{place}: {put} files put\n")))
}

/// Says how to get what is not built in.
#[cfg(not(feature = "s3"))]
pub(super) fn push(options: &PushOptions) -> Result<Status, Failure> {
    let said = format!(
        "{} cannot go to {}: this systap was built without object stores (cargo build --features s3)",
        options.folder.display(),
        options.place
    );
    Err(Failure::refused(said))
}
