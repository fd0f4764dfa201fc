//! A bundle that has to be confirmed: if nobody does in time, it is rolled back.
//!
//! What it changed is stored in the transaction that changes it, so that nothing is forgotten when the daemon dies, and
//! the one that comes next goes on. The clock is the daemon's: whoever applied the bundle may have cut off himself.
//!
//! While a change waits, no other bundle is applied: two that overlap could not be rolled back one by one. Single writes
//! are; what they change is left as it is when the bundle is rolled back, and that is said.

mod moment;
mod undo;

use std::time::Duration;

use madang_model::{ObjectRef, Resource};
use madang_plan::changes;
use madang_store::{Revision, Txn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Registry;
use super::draft::Draft;
use crate::{ApiError, Confirmation, Ended, Ending, LONGEST_CONFIRMATION, Reason, Waiting};
use moment::Moment;
use undo::Undone;

/// The change that waits.
const PENDING: &str = "/confirmation/pending";
/// How the last one ended.
const LAST: &str = "/confirmation/last";
/// What comes back as soon as what it was before is gone.
const RETURNING: &str = "/confirmation/returning";

/// The version of what is written.
const SCHEMA: u32 = 1;
/// How often it is looked whether the time is over, while something waits.
const LOOK: Duration = Duration::from_secs(1);
/// How long nobody looks, when nothing waits.
const REST: Duration = Duration::from_secs(60 * 60);

/// A change that waits to be confirmed, as it is stored.
#[derive(Serialize, Deserialize)]
struct Pending {
    schema: u32,
    began: Moment,
    seconds: u32,
    changed: Vec<Changed>,
}

/// One resource as it was before the change and as it was after it.
#[derive(Serialize, Deserialize)]
struct Changed {
    before: Option<Value>,
    after: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct Returning {
    schema: u32,
    because: String,
    items: Vec<Value>,
}

impl Registry {
    /// What waits to be confirmed, and how the last change ended that did.
    pub fn confirmation(&self) -> Result<Confirmation, ApiError> {
        let pending: Option<(Pending, _)> = self.read(PENDING)?;
        let returning: Option<(Returning, _)> = self.read(RETURNING)?;
        let returning = returning.map(|(returning, _)| returning.items).unwrap_or_default();
        let returning = returning.into_iter().map(|item| decoded(item).map(|r| r.object_ref()));
        Ok(Confirmation {
            waiting: pending.map(|(pending, _)| pending.told()).transpose()?,
            returning: returning.collect::<Result<_, _>>()?,
            last: self.read(LAST)?.map(|(last, _)| last),
        })
    }

    /// Keeps the change that waits.
    pub fn confirm(&self) -> Result<Ended, ApiError> {
        let Some((pending, revision)) = self.read::<Pending>(PENDING)? else { return Err(self.nothing()?) };
        let ended = pending.ended(Ending::Confirmed, "");
        let txn = Txn::new().at(PENDING, revision).delete(PENDING).put(LAST, text(&ended));
        match self.store.commit(txn) {
            Ok(_) => Ok(ended),
            // Somebody else was faster.
            Err(madang_store::StoreError::Conflict { .. }) => Err(self.nothing()?),
            Err(other) => Err(other.into()),
        }
    }

    /// Makes what the change that waits has changed be what it was before.
    pub fn roll_back(&self, because: &str) -> Result<Ended, ApiError> {
        let (ended, _) = self.with_draft(false, |draft| {
            let Some((pending, revision)) = self.read::<Pending>(PENDING)? else {
                return Err(self.nothing()?);
            };
            let Undone { restored, deleted, returning, kept } =
                undo::undo(draft, &pending.decoded()?, because)?;
            let mut ended = pending.ended(Ending::RolledBack, because);
            (ended.restored, ended.deleted, ended.kept) = (restored, deleted, kept);
            ended.returning = returning.iter().map(Resource::object_ref).collect();
            draft.also = Txn::new().at(PENDING, revision).delete(PENDING).put(LAST, text(&ended));
            self.note_returning(draft, because, &returning)?;
            Ok(ended)
        })?;
        Ok(ended)
    }

    /// Rolls back what is not confirmed in time, and brings back what had to go first; says what it rolled back. It ends
    /// only when it is dropped.
    pub async fn keep_confirmations(&self, said: impl Fn(&Ended)) {
        let mut changed = self.changed();
        loop {
            changed.mark_unchanged();
            let registry = self.clone();
            let pause = match tokio::task::spawn_blocking(move || registry.keep_confirmation()).await {
                Ok(Ok((ended, pause))) => {
                    ended.iter().for_each(&said);
                    pause
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "a change that nobody confirmed cannot be rolled back: it is tried again");
                    LOOK
                }
                Err(_) => LOOK,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                more = changed.changed() => if more.is_err() { return },
            }
        }
    }

    /// One look: what was rolled back, and how long until the next.
    pub(super) fn keep_confirmation(&self) -> Result<(Option<Ended>, Duration), ApiError> {
        self.bring_back()?;
        let Some((pending, _)) = self.read::<Pending>(PENDING)? else { return Ok((None, REST)) };
        let left = pending.left();
        if !left.is_zero() {
            return Ok((None, left.min(LOOK)));
        }
        let because = format!("nobody confirmed it within {} s", pending.seconds);
        match self.roll_back(&because) {
            Ok(ended) => Ok((Some(ended), Duration::ZERO)),
            Err(error) if error.is(Reason::NotFound) => Ok((None, Duration::ZERO)),
            Err(error) => Err(error),
        }
    }

    /// Creates again what was rolled back and had to go first. What somebody else has created meanwhile stays.
    fn bring_back(&self) -> Result<(), ApiError> {
        let Some((returning, _)) = self.read::<Returning>(RETURNING)? else { return Ok(()) };
        let mut is_any_gone = false;
        for item in returning.items {
            let resource = decoded(item)?;
            let there = self.find(&resource.object_ref())?;
            is_any_gone |= there.is_none_or(|there| there.metadata().uid != resource.metadata().uid);
        }
        if !is_any_gone {
            return Ok(());
        }
        let (back, _) = self.with_draft(false, |draft| {
            let Some((returning, revision)) = self.read::<Returning>(RETURNING)? else {
                return Ok(Vec::new());
            };
            let items = returning.items.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
            let (waiting, free): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| {
                let there = draft.after.get(&item.object_ref());
                there.is_some_and(|there| there.metadata().uid == item.metadata().uid)
            });
            let back = undo::bring_back(draft, free, &returning.because)?;
            draft.also = Txn::new().at(RETURNING, revision);
            if waiting.is_empty() {
                draft.also.deletes.push(RETURNING.to_owned());
            } else {
                note(draft, &returning.because, &waiting);
            }
            Ok(back)
        })?;
        for object in back {
            tracing::warn!("{object} is there again, after a change that deleted it was rolled back");
        }
        Ok(())
    }

    /// Notes what comes back later, beside what is noted already.
    fn note_returning(&self, draft: &mut Draft, because: &str, new: &[Resource]) -> Result<(), ApiError> {
        if new.is_empty() {
            return Ok(());
        }
        let noted: Option<(Returning, _)> = self.read(RETURNING)?;
        let noted = noted.map(|(noted, _)| noted.items).unwrap_or_default();
        let mut all = noted.into_iter().map(decoded).collect::<Result<Vec<_>, _>>()?;
        all.extend(new.iter().cloned());
        note(draft, because, &all);
        Ok(())
    }

    /// Refuses another bundle while a change waits.
    pub(super) fn nothing_waits(&self) -> Result<(), ApiError> {
        let Some((pending, _)) = self.read::<Pending>(PENDING)? else { return Ok(()) };
        let message = format!(
            "the change of {} waits to be confirmed, for another {} s: keep it (madang confirm) or take it back (madang rollback) first",
            pending.began.wall,
            pending.left().as_secs()
        );
        Err(ApiError::new(Reason::Conflict, message))
    }

    /// That there is nothing to confirm, and what became of the last change.
    fn nothing(&self) -> Result<ApiError, ApiError> {
        let last: Option<(Ended, _)> = self.read(LAST)?;
        let last = last.map_or_else(String::new, |(last, _)| match last.how {
            Ending::Confirmed => format!("; the change of {} is confirmed", last.since),
            Ending::RolledBack => {
                format!("; the change of {} was rolled back at {}: {}", last.since, last.at, last.because)
            }
        });
        Ok(ApiError::new(Reason::NotFound, format!("no change waits to be confirmed{last}")))
    }

    fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, Revision)>, ApiError> {
        let Some(found) = self.store.get(key)? else { return Ok(None) };
        let read = serde_json::from_slice(&found.value);
        let read = read.map_err(|error| {
            ApiError::internal(format!("what is stored at {key} is nothing that this build knows: {error}"))
        })?;
        Ok(Some((read, found.revision)))
    }
}

impl Draft {
    /// Notes what was changed, to be rolled back if nobody confirms it in time.
    pub(super) fn must_be_confirmed(&mut self, seconds: u32) -> Result<(), ApiError> {
        if !(1..=LONGEST_CONFIRMATION).contains(&seconds) {
            let message = format!(
                "a change can wait for 1 to {LONGEST_CONFIRMATION} seconds to be confirmed, not for {seconds}"
            );
            return Err(ApiError::bad_request(message));
        }
        let differs = |object: &&ObjectRef| self.before.get(*object) != self.after.get(*object);
        let mut objects: Vec<&ObjectRef> = self.before.keys().chain(self.after.keys()).collect();
        objects.sort();
        objects.dedup();
        let json = |resource: Option<&Resource>| resource.map(Resource::to_json);
        let changed = objects.into_iter().filter(differs).map(|object| Changed {
            before: json(self.before.get(object)),
            after: json(self.after.get(object)),
        });
        let changed = changed.collect();
        let pending = Pending { schema: SCHEMA, began: Moment::now(), seconds, changed };
        self.also = Txn::new().absent(PENDING).put(PENDING, text(&pending));
        Ok(())
    }
}

/// A resource before the change, and after it.
type BeforeAfter = (Option<Resource>, Option<Resource>);

impl Pending {
    fn left(&self) -> Duration {
        self.began.left(Duration::from_secs(u64::from(self.seconds)), &Moment::now())
    }

    fn decoded(&self) -> Result<Vec<BeforeAfter>, ApiError> {
        let of = |value: &Option<Value>| value.clone().map(decoded).transpose();
        self.changed.iter().map(|changed| Ok((of(&changed.before)?, of(&changed.after)?))).collect()
    }

    fn told(&self) -> Result<Waiting, ApiError> {
        let (before, after): (Vec<_>, Vec<_>) = self.decoded()?.into_iter().unzip();
        let (before, after): (Vec<_>, Vec<_>) =
            (before.into_iter().flatten().collect(), after.into_iter().flatten().collect());
        let left = self.left();
        let until = jiff::Timestamp::now().checked_add(left).unwrap_or(self.began.wall);
        Ok(Waiting {
            since: seconds(self.began.wall),
            until: seconds(until),
            seconds: self.seconds,
            remaining_seconds: u32::try_from(left.as_secs()).unwrap_or(self.seconds),
            changes: changes(&before, &after),
        })
    }

    fn ended(&self, how: Ending, because: &str) -> Ended {
        Ended {
            how,
            since: seconds(self.began.wall),
            at: super::now(),
            because: because.to_owned(),
            restored: Vec::new(),
            deleted: Vec::new(),
            returning: Vec::new(),
            kept: Vec::new(),
        }
    }
}

/// Notes what comes back later.
fn note(draft: &mut Draft, because: &str, all: &[Resource]) {
    let items = all.iter().map(Resource::to_json).collect();
    let returning = Returning { schema: SCHEMA, because: because.to_owned(), items };
    draft.also.puts.push((RETURNING.to_owned(), text(&returning)));
}

/// RFC 3339, to the second.
fn seconds(time: jiff::Timestamp) -> String {
    jiff::Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn decoded(value: Value) -> Result<Resource, ApiError> {
    Resource::decode(value).map_err(|error| {
        ApiError::internal(format!("a resource of the change that waits cannot be read: {error}"))
    })
}

fn text(value: &impl Serialize) -> madang_store::Value {
    serde_json::to_vec(value).expect("a record has only string keys").into()
}
