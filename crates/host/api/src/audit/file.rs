//! A file of lines that begins anew when it has become large, and keeps some of those before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Rotation;

/// A file of lines: `PATH`, before it `PATH.1`, `PATH.2` and so on.
pub(super) struct Rotating {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    length: u64,
}

impl Rotating {
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let (file, length) = open(path)?;
        Ok(Self { path: path.to_owned(), rotation, file, length })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a whole line, or nothing of it.
    pub(super) fn write(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        let size = line.len() as u64;
        if self.length > 0 && self.length + size > self.rotation.size {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // A disk that is full may have taken a part of it.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += size;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let kept = self.rotation.files.max(1) - 1;
        for n in (1..=kept).rev() {
            let from = if n == 1 { self.path.clone() } else { self.numbered(n - 1) };
            match fs::rename(from, self.numbered(n)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if kept == 0 {
            fs::remove_file(&self.path)?;
        }
        (self.file, self.length) = open(&self.path)?;
        Ok(())
    }

    fn numbered(&self, n: usize) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{n}"));
        path.into()
    }
}

/// At its end. Half a line that a dead machine left is ended.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file =
        OpenOptions::new().create(true).truncate(false).write(true).read(true).mode(0o600).open(path)?;
    let mut length = file.seek(SeekFrom::End(0))?;
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        io::Read::read_exact(&mut file, &mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
            length += 1;
        }
    }
    Ok((file, length))
}
