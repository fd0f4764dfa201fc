//! The real binary on the real kernel: what a user would see.
//!
//! Each test has a root directory of its own, so that they run beside each other, and removes what it made, also when it
//! fails. They need root: without it they say that they are skipped, and fail where CI is set.

mod access;
mod changes;
mod chaos;
mod clients;
mod cloud;
mod dhcp;
mod drift;
mod errors;
mod events;
mod groups;
mod host;
mod kubectl;
mod leases;
mod lifecycle;
mod metadata;
mod names;
mod policy;
mod projects;
mod public;
mod quotas;
mod recovery;
mod refusals;
mod scale;
mod security;
mod upgrade;
