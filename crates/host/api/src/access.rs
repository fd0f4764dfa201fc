//! Who asks, whether they may, and what they did: the seam between the server and [`madang_access`].
//!
//! The server calls [`Access::admit`] at the start of each request, which identifies, counts and authorizes by the URL alone;
//! [`Access::may_write`] where a request's body decides too; [`Access::watching`] for what goes on; and [`Access::record`] at
//! the end. Whoever comes over the Unix socket is as powerful as root, and is not counted.

mod authenticate;
mod authorize;
mod credential;
mod defaults;
mod peer;
mod routes;
mod users;
mod watches;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use jiff::Timestamp;
use madang_access::{Attributes, Buckets, Rate, User};
use madang_identity::Authority;
use madang_model::{ObjectRef, Resource};
use madang_store::Store;

use crate::{ApiError, AuditLog, AuditRecord, Reason, Registry};
use authorize::Authorizer;
pub(crate) use credential::{CREDENTIAL_KIND, CredentialRequest, UserList};
pub use credential::{CredentialKind, IssuedCredential, UserCredential, UserObject};
pub use peer::Peer;
pub(crate) use routes::OwnRoute;
use users::Users;
pub use watches::WatchPermit;
use watches::Watches;

/// Where the API is served over TLS, and by which CA.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The CA, which also signs users.
    pub authority: Arc<Authority>,
    /// As clients write it: `https://127.0.0.1:7443`.
    pub url: String,
}

/// How much each user may ask for. The Unix socket is not limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLimits {
    /// Requests.
    pub rate: Rate,
    /// Watches, followed logs and exec at a time, by one user.
    pub watches_each: usize,
    /// The same, by all together.
    pub watches: usize,
    /// How often it is asked whether who opened one of them may still have it.
    pub again: Duration,
}

impl Default for AccessLimits {
    fn default() -> Self {
        Self { rate: Rate { per_second: 200, burst: 400 }, watches_each: 1000, watches: 10_000, again: AGAIN }
    }
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who it is from.
    pub user: User,
    /// Who says so, if somebody acts as another.
    pub impersonated_by: Option<String>,
    /// Whether it is not counted.
    unlimited: bool,
}

impl Caller {
    /// Who comes over the Unix socket.
    pub fn of_socket() -> Self {
        Self { user: authenticate::of_socket(), impersonated_by: None, unlimited: true }
    }
}

/// Who asks, whether they may, and what they did.
pub struct Access {
    users: Users,
    authorizer: Authorizer,
    endpoint: Option<Endpoint>,
    rates: Mutex<Buckets>,
    watches: Arc<Watches>,
    /// Which of the refused get a line in the audit log.
    refusals: Mutex<Buckets>,
    audit: Option<AuditLog>,
    /// How often it is asked whether what goes on may still.
    pub(crate) again: Duration,
    started: Instant,
    /// Tells the requests of this daemon from those of the one before.
    born: i64,
    requests: AtomicU64,
}

impl Access {
    /// For the resources of this registry, and users who are kept in its store.
    pub fn new(registry: Registry, store: Arc<dyn Store>, limits: AccessLimits) -> Self {
        Self {
            users: Users::new(store),
            authorizer: Authorizer::new(registry),
            endpoint: None,
            rates: Mutex::new(Buckets::new(limits.rate)),
            watches: Watches::new(limits.watches_each, limits.watches),
            refusals: Mutex::new(Buckets::new(REFUSALS)),
            audit: None,
            again: limits.again,
            started: Instant::now(),
            born: Timestamp::now().as_second(),
            requests: AtomicU64::new(0),
        }
    }

    /// Served over TLS here: then users can be given certificates.
    #[must_use]
    pub fn at(self, endpoint: Endpoint) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    /// With a log of what was done.
    #[must_use]
    pub fn audited(self, log: AuditLog) -> Self {
        Self { audit: Some(log), ..self }
    }

    /// Makes the roles and bindings that are there from the start, and adds what a newer build knows to those that are.
    ///
    /// # Errors
    /// The registry refused.
    pub fn bootstrap(&self) -> Result<(), ApiError> {
        defaults::bootstrap(self.authorizer.registry())
    }

    /// Who this is, if the request may be made by its URL.
    ///
    /// # Errors
    /// 401: it is not known who asks. 403: they may not. 429: too often.
    pub fn admit(&self, peer: &Peer, headers: &HeaderMap, asked: &Attributes) -> Result<Caller, ApiError> {
        let caller = self.acting(self.identify(peer, headers)?, headers)?;
        self.decide(&caller.user, asked)?;
        Ok(caller)
    }

    /// Who this is.
    ///
    /// # Errors
    /// 401: it is not known who asks. 429: too often.
    pub fn identify(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let user = match authenticate::identify(&self.users, peer, headers, Timestamp::now()) {
            Ok(user) => user,
            Err(error) => {
                // Guessing is slowed down too.
                self.count(&format!("from {}", peer.network()))?;
                return Err(error);
            }
        };
        let unlimited = matches!(peer, Peer::Socket { .. });
        if !unlimited {
            let nobody = user.is_anonymous().then(|| format!("from {}", peer.network()));
            self.count(nobody.as_deref().unwrap_or(&user.name))?;
        }
        Ok(Caller { user, impersonated_by: None, unlimited })
    }

    /// The same caller, or who it wants to be seen as, if the request's headers say so and it may.
    ///
    /// # Errors
    /// 403: it may not act as who it says. 400: who that is cannot be understood.
    pub fn acting(&self, caller: Caller, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(other) = authenticate::impersonated(headers)? else { return Ok(caller) };
        self.may_be(&caller.user, &other.name, &other.groups)?;
        Ok(Caller { user: other, impersonated_by: Some(caller.user.name), ..caller })
    }

    /// Whether this user may do this.
    ///
    /// # Errors
    /// 403: it may not. 401: nobody is nobody, and may not.
    pub fn decide(&self, user: &User, asked: &Attributes) -> Result<(), ApiError> {
        self.authorizer.decide(user, asked)
    }

    /// Whether this user may write this resource, as far as it gives permissions: what a role or a binding gives, its
    /// writer must have. `stored` is what is there now.
    ///
    /// # Errors
    /// 403: it would give what the user has not.
    pub fn may_write(&self, user: &User, new: &Resource, stored: Option<&Resource>) -> Result<(), ApiError> {
        self.authorizer.may_write(user, new, stored)
    }

    /// Whether this user may make of a resource what a bundle does: from what it is (none: it is not there) to what it
    /// shall be (none: it shall go).
    ///
    /// # Errors
    /// 403: it may not.
    pub fn may_apply(
        &self,
        user: &User,
        object: &ObjectRef,
        before: Option<&Resource>,
        after: Option<&Resource>,
    ) -> Result<(), ApiError> {
        self.authorizer.may_apply(user, object, before, after)
    }

    /// Whether this user may act as another.
    fn may_be(&self, user: &User, name: &str, groups: &[String]) -> Result<(), ApiError> {
        let as_user = Attributes::resource("impersonate", "", "users").named(name);
        let as_groups =
            groups.iter().map(|group| Attributes::resource("impersonate", "", "groups").named(group));
        std::iter::once(as_user).chain(as_groups).try_for_each(|asked| self.decide(user, &asked))
    }

    /// Room for something that goes on. It is given back when the permit is dropped.
    ///
    /// # Errors
    /// 429: there is none.
    pub fn watching(&self, caller: &Caller) -> Result<WatchPermit, ApiError> {
        if caller.unlimited { Ok(WatchPermit::unlimited()) } else { self.watches.take(&caller.user.name) }
    }

    /// A line in the audit log, if the request is worth one. Of the refused, whoever they are, only some have one: else
    /// anybody could fill the log until nothing else is in it.
    pub fn record(&self, record: &AuditRecord<'_>) {
        let Some(log) = self.audit.as_ref().filter(|_| record.is_worth_a_line()) else { return };
        if record.is_refused() {
            let known = record.caller.filter(|caller| !caller.user.is_anonymous());
            let who =
                known.map_or_else(|| format!("from {}", record.peer.network()), |c| c.user.name.clone());
            let now = self.started.elapsed();
            if self.refusals.lock().unwrap_or_else(PoisonError::into_inner).take(&who, now).is_err() {
                return log.count_refused();
            }
        }
        log.write(record);
    }

    /// Whether who opened something that goes on may still have it: whether they are still somebody, and still may.
    ///
    /// # Errors
    /// They may not.
    pub(crate) fn still(&self, peer: &Peer, headers: &HeaderMap, asked: &Attributes) -> Result<(), ApiError> {
        let user = authenticate::identify(&self.users, peer, headers, Timestamp::now())?;
        let caller = Caller { user, impersonated_by: None, unlimited: true };
        self.decide(&self.acting(caller, headers)?.user, asked)
    }

    /// A name for a request, other than those of all before it.
    pub fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number:08x}", self.born)
    }

    /// Takes one request's room from a user, or from whoever it is.
    fn count(&self, who: &str) -> Result<(), ApiError> {
        let now = self.started.elapsed();
        let taken = self.rates.lock().unwrap_or_else(PoisonError::into_inner).take(who, now);
        taken.map_err(|wait| {
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
            let message = format!("too many requests at once: try again in {}", plural(seconds));
            ApiError::new(Reason::TooManyRequests, message).retry_after(seconds)
        })
    }
}

fn plural(seconds: u32) -> String {
    if seconds == 1 { "a second".to_owned() } else { format!("{seconds} seconds") }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// How often it is asked whether what goes on may still.
const AGAIN: Duration = Duration::from_secs(20);

/// How many of those that are refused have a line in the audit log, from one user or one place.
const REFUSALS: Rate = Rate { per_second: 1, burst: 100 };

/// How long a certificate is valid unless it is said.
pub const CERTIFICATE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests;
