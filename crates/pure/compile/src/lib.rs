//! From the model to what one host must have: tables, ports, workloads.
//!
//! Two steps. [`compile`] makes a [`Network`] of a [`Model`](madang_model::Model): policies, identity classes, rules,
//! routes, NAT and forwards, numbered, and without a thought of where anything runs. [`Network::for_host`] adds what is
//! known on one host alone, the indices of its interfaces, and gives a [`Desired`]. Both are functions: the same input,
//! the same output, whatever the order in which it was written.
//!
//! Every entry of the tables has its [`Origin`]s: the resources and fields that it was made of.

mod classes;
mod host;
mod lookup;
mod network;
mod origin;
mod outside;
mod permits;
mod ports;
mod routes;
mod rules;
mod services;
mod traffic;

pub use host::{Desired, End, Host, HostUplink, Hosts, PortSpec, WorkloadSpec};
pub use lookup::{covering, longest, parent, simplify};
pub use network::{Instance, Network, VpcNetwork, compile};
pub use origin::{Origin, Origins};
pub use outside::Uplink;
pub use permits::Permits;
pub use ports::PortSet;
pub use services::{LEASES_PORT, METADATA_PORT, NAME_SERVER, NAMES_PORT, SERVER, SERVICES, name_server};
pub use traffic::{ICMP, TCP, Traffic, UDP};
