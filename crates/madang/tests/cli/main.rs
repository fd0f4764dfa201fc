//! The commands, as a user types them, against a daemon whose store is in memory and whose host is a double.

// So marked, helpers may unwrap as the tests themselves may.
#[cfg(test)]
mod addresses;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod exec;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod world;
