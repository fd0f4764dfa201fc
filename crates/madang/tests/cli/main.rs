//! The commands, as a user types them, against a daemon whose store is in memory and whose host is a double.

mod commands;
mod exec;
mod resources;
mod world;
