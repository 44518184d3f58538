//! Why a command on tapsets came to nothing: a sentence, and the status that it ends with.

use systap_registry::resolve::ResolveError;
use systap_registry::store::{LockError, StoreError};
use systap_registry::trust::{EditError, InitError, KeyError, TrustError};

use crate::cli::Format;
use crate::outcome::Status;
use crate::registries::{ConfigError, Registries, RegistriesError};
use crate::terminal;

/// Why a command came to nothing.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    sentence: String,
}

impl Failure {
    fn new(status: Status, sentence: impl Into<String>) -> Failure {
        Failure { status, sentence: sentence.into() }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Failure {
        Failure::new(Status::Usage, sentence)
    }

    /// The tapset is wrong.
    pub(crate) fn wrong(sentence: impl Into<String>) -> Failure {
        Failure::new(Status::ScriptError, sentence)
    }

    pub(crate) fn refused(sentence: impl Into<String>) -> Failure {
        Failure::new(Status::Refused, sentence)
    }

    pub(crate) fn registry(sentence: impl Into<String>) -> Failure {
        Failure::new(Status::Registry, sentence)
    }

    /// No versions were chosen. Names that no registry has are told with the nearest that one has.
    pub(super) fn unresolved(error: ResolveError<RegistriesError>, format: Format, registries: &Registries) -> Failure {
        let ResolveError::Refused(mut refusal) = error else { return Failure::registry(error.to_string()) };
        if let [table] = refusal.tables.as_slice()
            && table.versions.is_empty()
            && let Some(near) = nearest(&table.name, registries)
        {
            refusal.hint = Some(format!("did you mean `{near}`?"));
        }
        if format == Format::Json {
            terminal::write_to_stdout(&format!("{}\n", serde_json::json!({ "refused": *refusal })));
        }
        Failure::registry(refusal.to_string().trim_end())
    }

    /// Tells it of a part of what was asked, where the rest goes on.
    pub(super) fn warn(&self) {
        terminal::warn(&self.sentence);
    }

    /// With what it means for what was to be done.
    pub(super) fn and(mut self, consequence: &str) -> Failure {
        self.sentence += &format!("; {consequence}");
        self
    }

    /// Tells it.
    pub(crate) fn tell(&self) -> Status {
        if !self.sentence.is_empty() {
            terminal::complain(&self.sentence);
        }
        self.status
    }
}

/// The name in the registries that is nearest to one that is in none.
fn nearest(name: &str, registries: &Registries) -> Option<String> {
    let names: Vec<String> = registries.all().ok()?.iter().filter_map(|one| one.tapsets().ok()).flatten().collect();
    systap_diagnostics::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

impl From<RegistriesError> for Failure {
    fn from(error: RegistriesError) -> Failure {
        let status = if matches!(error, RegistriesError::Unknown { .. }) { Status::Usage } else { Status::Registry };
        Failure::new(status, error.to_string())
    }
}

impl From<TrustError> for Failure {
    fn from(error: TrustError) -> Failure {
        Failure::registry(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::registry(match error {
            StoreError::File { .. } => format!("nothing was installed: {error}"),
            told => told.to_string(),
        })
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Failure {
        Failure::registry(error.to_string())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::registry(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Failure {
        Failure::registry(error.to_string())
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Failure {
        Failure::registry(error.to_string())
    }
}

impl From<InitError> for Failure {
    fn from(error: InitError) -> Failure {
        Failure::registry(error.to_string())
    }
}

/// A sentence of the commands that check tapsets.
impl From<String> for Failure {
    fn from(sentence: String) -> Failure {
        Failure::wrong(sentence)
    }
}
