//! `madang dhcp serve` and `madang dhcp client` on real links: with real clients, with wrong words, with losses of power, with everything at once.

mod client;
mod clients;
mod crowd;
mod durability;
mod lan;
mod mistakes;
mod server_kind;
