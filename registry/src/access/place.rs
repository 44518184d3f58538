//! Where a registry is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// A folder, or the address of one on a web server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder: a path, or `file://`.
    Folder(PathBuf),
    /// `http://` or `https://`; ends in a slash.
    Web(Url),
    /// `s3://BUCKET/PREFIX`: an object store.
    Bucket {
        /// The bucket.
        bucket: String,
        /// What names in it begin with: nothing, or something that ends in a slash.
        prefix: String,
    },
}

/// A text that says no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no place of a registry: {why}")]
pub struct PlaceError {
    text: String,
    why: String,
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Place, PlaceError> {
        let wrong = |why: &str| PlaceError { text: text.to_owned(), why: why.to_owned() };
        if !text.contains("://") {
            return if text.is_empty() { Err(wrong("it is empty")) } else { Ok(Place::Folder(text.into())) };
        }
        let mut url: Url = text.parse().map_err(|error: url::ParseError| wrong(&error.to_string()))?;
        match url.scheme() {
            "file" => url.to_file_path().map(Place::Folder).map_err(|()| wrong("it names another machine")),
            "http" | "https" => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Place::Web(url))
            }
            "s3" => {
                let bucket =
                    url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no bucket"))?;
                let prefix = url.path().trim_matches('/');
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                Ok(Place::Bucket { bucket: bucket.to_owned(), prefix })
            }
            _ => Err(wrong("it is a folder, file://, http://, https:// or s3://")),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(path) => path.display().fmt(f),
            Place::Web(url) => url.fmt(f),
            Place::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let said = |text: &str| text.parse::<Place>().map(|place| place.to_string()).map_err(|error| error.to_string());
        assert_eq!(said("dir/of"), Ok("dir/of".to_owned()));
        assert_eq!(said("file:///srv/r"), Ok("/srv/r".to_owned()));
        assert_eq!(said("https://example.org/r"), Ok("https://example.org/r/".to_owned()));
        assert!(
            said("ftp://example.org/").unwrap_err().ends_with("it is a folder, file://, http://, https:// or s3://")
        );
        assert_eq!(said("s3://bucket/a/b/"), Ok("s3://bucket/a/b/".to_owned()));
        assert_eq!(said("s3://bucket"), Ok("s3://bucket/".to_owned()));
        assert!(said("http://").is_err() && said("file://host/x").is_err() && said("").is_err());
    }
}
