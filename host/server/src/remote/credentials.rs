//! Where credentials are kept: one file of this user alone, with one token a server (RULES 41).

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::ServerAddress;

/// The most bytes of the file that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A token. It is shown to nobody.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Token(String);

/// The tokens that are kept, each for the one server that it is sent to.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    file: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    #[serde(default)]
    servers: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    token: Token,
}

/// Why credentials cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// Neither `XDG_CONFIG_HOME` nor `HOME` says where.
    #[error("no place for credentials: set HOME or XDG_CONFIG_HOME")]
    NoPlace,
    /// Others may read the file, or it is another's.
    #[error("{0} is not for you alone: it must be a regular file of yours with the mode 0600")]
    NotPrivate(PathBuf),
    /// It is not what this program writes.
    #[error("{0} cannot be understood: remove it and log in again")]
    Broken(PathBuf),
    /// It cannot be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

impl Token {
    /// Take `text` for a token.
    ///
    /// # Errors
    /// It has characters that no token has. They are not shown.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() || text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(String::from("that is no token: it is one word, as sk_…"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The token itself, for the header that carries it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Credentials {
    /// The credentials of this user.
    ///
    /// # Errors
    /// [`CredentialsError`]; a file that is not there is no error.
    pub(crate) fn open() -> Result<Self, CredentialsError> {
        Self::at(place()?)
    }

    fn at(file: PathBuf) -> Result<Self, CredentialsError> {
        let kept = match read_private(&file)? {
            Some(text) => toml::from_str(&text).map_err(|_| CredentialsError::Broken(file.clone()))?,
            None => Kept::default(),
        };
        Ok(Self { file, kept })
    }

    /// Where they are kept.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The token of `server` and of no other.
    pub(crate) fn token(&self, server: &ServerAddress) -> Option<&Token> {
        self.kept.servers.get(&server.to_string()).map(|entry| &entry.token)
    }

    /// The servers that there is a token for.
    pub(crate) fn servers(&self) -> impl Iterator<Item = ServerAddress> {
        self.kept.servers.keys().filter_map(|text| text.parse().ok())
    }

    /// The one server that there is a token for.
    pub(crate) fn only_server(&self) -> Option<ServerAddress> {
        let mut servers = self.servers();
        let only = servers.next()?;
        servers.next().is_none().then_some(only)
    }

    /// Keep `token` for `server`.
    ///
    /// # Errors
    /// [`CredentialsError::Io`].
    pub(crate) fn keep(&mut self, server: &ServerAddress, token: Token) -> Result<(), CredentialsError> {
        self.kept.servers.insert(server.to_string(), Entry { token });
        self.write()
    }

    /// Forget the token of `server`; answers whether there was one.
    ///
    /// # Errors
    /// [`CredentialsError::Io`].
    pub(crate) fn forget(&mut self, server: &ServerAddress) -> Result<bool, CredentialsError> {
        let was_there = self.kept.servers.remove(&server.to_string()).is_some();
        if was_there {
            self.write()?;
        }
        Ok(was_there)
    }

    /// Write all into a new file of mode 0600 that takes the place of the old one, so that nobody reads half of it.
    fn write(&self) -> Result<(), CredentialsError> {
        let failed = |error| CredentialsError::Io(self.file.clone(), error);
        let text = toml::to_string(&self.kept).map_err(|_| CredentialsError::Broken(self.file.clone()))?;
        let directory = self.file.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let mut new = tempfile::Builder::new()
            .prefix(".credentials")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(directory)
            .map_err(failed)?;
        new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
        new.persist(&self.file).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn place() -> Result<PathBuf, CredentialsError> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Ok(config.ok_or(CredentialsError::NoPlace)?.join("skerry").join("credentials.toml"))
}

/// The text of a file that only this user reads; `None` where there is none. No link is followed.
fn read_private(file: &Path) -> Result<Option<String>, CredentialsError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = match rustix::fs::open(file, flags, Mode::empty()) {
        Ok(opened) => File::from(opened),
        Err(error) if error == rustix::io::Errno::NOENT => return Ok(None),
        Err(error) if error == rustix::io::Errno::LOOP => return Err(CredentialsError::NotPrivate(file.to_owned())),
        Err(error) => return Err(CredentialsError::Io(file.to_owned(), error.into())),
    };
    let failed = |error| CredentialsError::Io(file.to_owned(), error);
    let about = opened.metadata().map_err(failed)?;
    let is_ours = about.uid() == rustix::process::geteuid().as_raw();
    if !about.is_file() || !is_ours || about.mode() & 0o077 != 0 {
        return Err(CredentialsError::NotPrivate(file.to_owned()));
    }
    let mut text = String::new();
    opened.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerAddress {
        text.parse().expect("an address")
    }

    #[test]
    fn a_token_is_kept_for_one_server_in_a_file_of_its_user_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("skerry/credentials.toml");
        let mut kept = Credentials::at(file.clone()).expect("nothing kept yet");
        kept.keep(&server("https://a.example"), Token::parse("sk_a_1").expect("a token")).expect("kept");
        kept.keep(&server("https://b.example"), Token::parse("sk_b_2").expect("a token")).expect("kept");
        let mode = fs::metadata(&file).expect("the file").mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Credentials::at(file.clone()).expect("read again");
        assert_eq!(again.token(&server("https://a.example/")).map(Token::reveal), Some("sk_a_1"));
        for other in ["https://a.example:8443", "https://evil.example", "https://a.example/other", "http://127.0.0.1"] {
            assert!(again.token(&server(other)).is_none(), "{other}");
        }
        assert!(again.only_server().is_none());
        assert!(!format!("{again:?}").contains("sk_"), "{again:?}");
    }

    #[test]
    fn a_file_that_others_could_read_or_a_link_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("credentials.toml");
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
        assert!(matches!(Credentials::at(file.clone()), Err(CredentialsError::NotPrivate(_))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        assert!(Credentials::at(file.clone()).is_ok());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert!(matches!(Credentials::at(link), Err(CredentialsError::NotPrivate(_))));
    }

    #[test]
    fn what_is_no_token_is_not_shown_back() {
        for text in ["", "two words", "sk_\u{1b}[31m", "ü"] {
            assert!(Token::parse(text).is_err_and(|message| text.is_empty() || !message.contains(text)), "{text}");
        }
    }
}
