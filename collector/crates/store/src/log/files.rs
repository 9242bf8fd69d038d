//! What the log asks of a file system: small, so that a faulty twin can stand in for it.

use std::any::Any;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file that is being written, from its beginning to its end.
pub trait File: Send + fmt::Debug {
    /// Appends all these bytes. After an error it is not known how many of them are there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when everything appended is on the disk (`fdatasync`, the file's length included).
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder that nobody else may use while this lives.
pub struct FolderLock {
    _guard: Box<dyn Any + Send + Sync>,
}

impl FolderLock {
    /// A lock that ends when `guard` is dropped.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self { _guard: Box::new(guard) }
    }
}

impl fmt::Debug for FolderLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FolderLock")
    }
}

/// A file system.
pub trait Files: Send + Sync + fmt::Debug {
    /// Makes the folder, with those above it, unless it is there, and takes it for this process alone;
    /// [`io::ErrorKind::WouldBlock`] when another has it.
    fn lock(&self, folder: &Path) -> io::Result<FolderLock>;

    /// Names of the files in a folder, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// The whole of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Makes a new file; an error when there is one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Makes a file this long, never longer than it is, and returns when that and all its content is on the disk.
    fn cut(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Renames a file, in place of the one that had the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns when files made, renamed and removed in the folder are so on the disk.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl File for fs::File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Files for DiskFiles {
    fn lock(&self, folder: &Path) -> io::Result<FolderLock> {
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        file.try_lock().map_err(io::Error::from)?;
        Ok(FolderLock::new(file))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(fs::File::create_new(path)?))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }
}
