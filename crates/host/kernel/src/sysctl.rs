//! Settings of the kernel below `/proc/sys`. Those of `net` are the ones of the calling thread's network namespace.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A setting's value, without the line's end; none if this kernel does not have the setting.
pub fn read(name: &[&str]) -> Result<Option<String>> {
    let path = path(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", &path)(error)),
    }
}

/// Sets a setting, unless it has the value already. Whether this kernel has the setting.
pub fn write(name: &[&str], value: &str) -> Result<bool> {
    match read(name)? {
        None => Ok(false),
        Some(old) if old == value => Ok(true),
        Some(_) => {
            let path = path(name);
            fs::write(&path, value).map_err(Error::file("write", &path))?;
            Ok(true)
        }
    }
}

/// The parts of a name are given one by one, since an interface's name may have dots.
fn path(name: &[&str]) -> PathBuf {
    name.iter().fold(Path::new("/proc/sys").to_owned(), |path, part| path.join(part))
}
