//! How much goes on at a time: watches, followed logs, exec.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use madang_access::{Shares, Taken};

use crate::{ApiError, Reason};

/// Of a user's watches, and of all.
pub(super) struct Watches(Mutex<Shares>);

/// Room for something that goes on, given back when it is dropped.
pub struct WatchPermit(Option<(Arc<Watches>, String)>);

impl Watches {
    pub(super) fn new(each: usize, all: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Shares::new(each, all))))
    }

    pub(super) fn take(self: &Arc<Self>, user: &str) -> Result<WatchPermit, ApiError> {
        self.shares().take(user).map_err(|taken| {
            let whose = match taken {
                Taken::ByUser => format!("user {user:?} has"),
                Taken::ByAll => "all users together have".to_owned(),
            };
            let message =
                format!("{whose} as many watches, logs and exec sessions open as may be: end some of them");
            ApiError::new(Reason::TooManyRequests, message).retry_after(10)
        })?;
        Ok(WatchPermit(Some((Arc::clone(self), user.to_owned()))))
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchPermit {
    pub(super) fn unlimited() -> Self {
        Self(None)
    }
}

impl Drop for WatchPermit {
    fn drop(&mut self) {
        if let Some((watches, user)) = &self.0 {
            watches.shares().give(user);
        }
    }
}

impl std::fmt::Debug for WatchPermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchPermit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let watches = Watches::new(1, 2);
        let first = watches.take("ana").unwrap();
        let refused = watches.take("ana").unwrap_err();
        assert_eq!((refused.code(), refused.retry_after), (429, Some(10)), "{refused}");
        drop(first);
        let _again = watches.take("ana").unwrap();
        let _other = watches.take("ben").unwrap();
        assert!(watches.take("eve").unwrap_err().message.starts_with("all users"));
    }
}
