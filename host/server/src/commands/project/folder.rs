//! Files of a project, below its directory and nowhere else (RULES 41): regular files, reached without following a link.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

/// The most bytes that are read of a file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A directory whose files are read and written.
#[derive(Debug)]
pub(crate) struct Folder {
    root: OwnedFd,
    path: PathBuf,
}

/// What becomes of a directory on the way that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absent {
    Leave,
    Make,
}

/// Why a file is not read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// The name leads out of the directory, or to a hidden file.
    #[error("'{0}' is no file of this directory: name it below the directory, with '/' between, and without '..'")]
    Outside(String),
    /// Something else than a regular file is in the way.
    #[error("'{0}' is a link or no regular file: nothing is read or written through it")]
    NotRegular(String),
    /// It is no text.
    #[error("'{0}' is not UTF-8")]
    NotText(String),
    /// The operating system said no.
    #[error("'{0}': {1}")]
    Io(String, #[source] io::Error),
}

impl Folder {
    /// # Errors
    /// There is no such directory.
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |error: Errno| FolderError::Io(path.display().to_string(), error.into());
        let root = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(failed)?;
        Ok(Self { root, path: path.to_owned() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The text of a file; `None` where there is none.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, FolderError> {
        let (directories, file) = parts(name)?;
        let Some(directory) = self.walk(name, &directories, Absent::Leave)? else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match rustix::fs::openat(&directory, file, flags, Mode::empty()) {
            Ok(opened) => File::from(opened),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(FolderError::NotRegular(name.to_owned())),
            Err(error) => return Err(FolderError::Io(name.to_owned(), error.into())),
        };
        let failed = |error| FolderError::Io(name.to_owned(), error);
        if !opened.metadata().map_err(failed)?.is_file() {
            return Err(FolderError::NotRegular(name.to_owned()));
        }
        let mut bytes = Vec::new();
        opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
        String::from_utf8(bytes).map(Some).map_err(|_| FolderError::NotText(name.to_owned()))
    }

    /// Write a file whole, in place of the regular file of that name, so that nobody reads half of it.
    ///
    /// # Errors
    /// [`FolderError`].
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let (directories, file) = parts(name)?;
        let failed = |error: Errno| FolderError::Io(name.to_owned(), error.into());
        let directory = self.walk(name, &directories, Absent::Make)?.ok_or_else(|| failed(Errno::NOENT))?;
        match rustix::fs::statat(&directory, file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if FileType::from_raw_mode(there.st_mode) != FileType::RegularFile => {
                return Err(FolderError::NotRegular(name.to_owned()));
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
        let unfinished = format!(".{file}.{}", uuid::Uuid::now_v7());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, &unfinished, flags, Mode::from_raw_mode(0o644)).map_err(failed)?;
        let mut opened = File::from(opened);
        let written = opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all());
        let placed = written.and_then(|()| Ok(rustix::fs::renameat(&directory, &unfinished, &directory, file)?));
        placed.map_err(|error| {
            let _ = rustix::fs::unlinkat(&directory, &unfinished, AtFlags::empty());
            FolderError::Io(name.to_owned(), error)
        })
    }

    /// The directory at the end of `directories`, each one opened by itself, so that none is a link.
    fn walk(&self, name: &str, directories: &[&str], absent: Absent) -> Result<Option<OwnedFd>, FolderError> {
        let failed = |error: Errno| FolderError::Io(name.to_owned(), error.into());
        let mut at = self.root.try_clone().map_err(|error| FolderError::Io(name.to_owned(), error))?;
        for directory in directories {
            if absent == Absent::Make {
                match rustix::fs::mkdirat(&at, *directory, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(failed(error)),
                }
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            at = match rustix::fs::openat(&at, *directory, flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR) => return Err(FolderError::NotRegular(name.to_owned())),
                Err(error) => return Err(failed(error)),
            };
        }
        Ok(Some(at))
    }
}

/// The directories and the file that a name is made of.
fn parts(name: &str) -> Result<(Vec<&str>, &str), FolderError> {
    let outside = || FolderError::Outside(name.to_owned());
    let parts: Option<Vec<&str>> = Path::new(name)
        .components()
        .map(|component| match component {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let mut parts = parts.ok_or_else(outside)?;
    let is_plain = !name.contains(['\\', '\0']) && !name.chars().any(char::is_control) && !name.ends_with('/');
    let file = parts.pop().filter(|_| is_plain).ok_or_else(outside)?;
    Ok((parts, file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_written_below_the_directory_and_read_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(directory.path()).expect("it is there");
        assert_eq!(folder.read("a/b/c.js").expect("none yet"), None);
        folder.write("a/b/c.js", "1").expect("written");
        folder.write("a/b/c.js", "2").expect("written over");
        assert_eq!(folder.read("a/b/c.js").expect("read").as_deref(), Some("2"));
        assert_eq!(std::fs::read_dir(directory.path().join("a/b")).expect("a directory").count(), 1);
    }

    #[test]
    fn nothing_is_read_or_written_outside_or_through_a_link() {
        let outside = tempfile::tempdir().expect("a directory");
        std::fs::write(outside.path().join("secret"), "untouched").expect("a file");
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::open(directory.path()).expect("it is there");
        symlink(outside.path(), directory.path().join("link")).expect("a link");
        symlink(outside.path().join("secret"), directory.path().join("file.js")).expect("a link");
        std::fs::create_dir(directory.path().join("folder.js")).expect("a directory");
        let absolute = outside.path().join("secret").display().to_string();
        let names = [
            "link/secret",
            "file.js",
            "../secret",
            "a/../../secret",
            "/etc/hosts",
            "",
            ".",
            "a/",
            "a\\b",
            "a\nb",
            "folder.js",
        ];
        for name in names.into_iter().chain([absolute.as_str()]) {
            assert!(folder.write(name, "changed").is_err(), "{name}");
            assert!(folder.read(name).is_err(), "{name}");
        }
        assert_eq!(std::fs::read_to_string(outside.path().join("secret")).expect("the file"), "untouched");
    }
}
