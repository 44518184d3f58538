//! Answers that were taken once, under the hash of all that they depend on.
//!
//! It must never be believed more than a plugin: what is read is checked anew, and whatever is wrong with it is a miss. A cache that
//! cannot be written costs the next run a process, nothing else.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use crate::host::Request;
use crate::image::Digest;
use crate::validate::validate;
use crate::{Answer, frame};

/// Changes when an answer is written or understood otherwise.
const SCHEMA: u32 = 1;

/// The file in which an answer to this request would be.
pub(crate) fn place(folder: &Path, request: &Request) -> Option<PathBuf> {
    let asked = serde_json::to_vec(&(SCHEMA, systap_plugin::ABI, request.abi, &request.units, &request.facts)).ok()?;
    let key: [u8; 32] = Sha256::new().chain_update(request.sha256.0).chain_update(asked).finalize().into();
    Some(folder.join(format!("{}.answer", Digest(key))))
}

/// An answer that was kept, if it is whole and still acceptable.
pub(crate) fn read(place: &Path, request: &Request) -> Option<Answer> {
    let file = File::open(place).ok()?;
    // Somebody else's file is a stranger's word about another plugin.
    let owner = file.metadata().ok()?;
    if !owner.is_file() || owner.uid() != rustix::process::geteuid().as_raw() || owner.mode() & 0o022 != 0 {
        return None;
    }
    let mut bytes = vec![];
    file.take((frame::LONGEST + 33) as u64).read_to_end(&mut bytes).ok()?;
    let (digest, body) = bytes.split_first_chunk::<32>()?;
    if Digest::of(body).0 != *digest {
        return None;
    }
    let answer = serde_json::from_slice(body).ok()?;
    validate(&answer, &request.units).is_ok().then_some(answer)
}

/// Keeps an answer: beside its place first, then there in one step.
pub(crate) fn write(place: &Path, answer: &Answer) -> std::io::Result<()> {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let body = serde_json::to_vec(answer)?;
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension(format!("{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    let written = File::options().write(true).create_new(true).mode(0o644).open(&beside).and_then(|mut file| {
        file.write_all(&Digest::of(&body).0)?;
        file.write_all(&body)
    });
    let placed = written.and_then(|()| fs::rename(&beside, place));
    if placed.is_err() {
        _ = fs::remove_file(&beside);
    }
    placed
}
