//! The file that holds the deployment's key: one line of 64 hexadecimal digits, so that it survives being copied into
//! wherever the operator keeps a second one. Only its owner can read it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, KeyError, hex};

/// A key's line is 65 bytes. What is longer is no key, and is not read to its end.
const READ_BYTES_MAX: u64 = 256;

/// The key in `file`; `None` where there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<Key>, KeyError> {
    let unreadable = |source| KeyError::Unreadable { file: file.to_owned(), source };
    let metadata = match fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    // Before it is opened: a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(KeyError::Malformed { file: file.to_owned() });
    }
    let opened = File::open(file).map_err(unreadable)?;
    let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::TooOpen { file: file.to_owned(), mode });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(READ_BYTES_MAX as usize));
    opened.take(READ_BYTES_MAX).read_to_end(&mut text).map_err(unreadable)?;
    parse(&text).map(Some).ok_or_else(|| KeyError::Malformed { file: file.to_owned() })
}

/// Write a new key to `file`, which must not be there yet.
///
/// It is written beside and then linked into place: `file` is there whole or not at all, and of two processes that
/// start at once one is told that the other was first.
pub(super) fn create(file: &Path, key: &Key) -> Result<(), KeyError> {
    let not_created = |source| KeyError::NotCreated { file: file.to_owned(), source };
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let beside = beside(file, u64::from_le_bytes(random));
    let linked = write_new(&beside, key).and_then(|()| fs::hard_link(&beside, file));
    // Unlinked in either case; a file that is left over holds a key that nothing uses.
    let unlinked = fs::remove_file(&beside);
    linked.and(unlinked).map_err(not_created)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(not_created)
}

fn beside(file: &Path, random: u64) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{random:016x}"));
    file.with_file_name(name)
}

fn write_new(path: &Path, key: &Key) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(hex::write(key.as_slice()).as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn parse(text: &[u8]) -> Option<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    hex::read(text.trim_ascii(), key.as_mut_slice())?;
    Some(key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        assert!(read(&file).unwrap().is_none());
        let key = Zeroizing::new(std::array::from_fn(|at| (at * 37) as u8));
        create(&file, &key).unwrap();
        assert_eq!(read(&file).unwrap().unwrap(), key);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_key_that_is_there_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        create(&file, &Zeroizing::new([1; KEY_BYTES])).unwrap();
        let again = create(&file, &Zeroizing::new([2; KEY_BYTES]));
        assert!(matches!(again, Err(KeyError::NotCreated { .. })));
        assert_eq!(*read(&file).unwrap().unwrap(), [1; KEY_BYTES]);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        create(&file, &Zeroizing::new([1; KEY_BYTES])).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let refused = read(&file).unwrap_err();
            assert!(matches!(refused, KeyError::TooOpen { mode: found, .. } if found == mode), "{refused}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("skerry.key");
        for content in ["", "\n", &"a".repeat(63), &"a".repeat(65), &"g".repeat(64), &"a".repeat(1 << 20)] {
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(read(&file), Err(KeyError::Malformed { .. })), "{} bytes", content.len());
        }
        assert!(matches!(read(directory.path()), Err(KeyError::Malformed { .. })), "a directory");
    }
}
