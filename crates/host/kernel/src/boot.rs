//! The machine's present start, and how long ago that was: what counts elapsed time, since nobody can set it.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::{Error, Result};

/// Which start of the machine this is: times since another one mean nothing.
///
/// # Errors
/// The kernel's file cannot be read.
pub fn id() -> Result<&'static str> {
    static ID: OnceLock<String> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(id);
    }
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let id = fs::read_to_string(path).map_err(Error::file("read", path))?;
    Ok(ID.get_or_init(|| id.trim().to_owned()))
}

/// How long ago the machine was started, with the time for which it slept (`CLOCK_BOOTTIME`).
pub fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_the_kernel_says() {
        let said = fs::read_to_string("/proc/uptime").unwrap();
        let said: f64 = said.split(' ').next().unwrap().parse().unwrap();
        let later = uptime().as_secs_f64() - said;
        assert!((-0.02..60.0).contains(&later), "{later}");
        assert_eq!(id().unwrap().len(), 36);
    }
}
