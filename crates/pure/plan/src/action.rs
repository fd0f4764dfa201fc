//! One step of a host's plan.

use std::fmt;

use madang_compile::PortSpec;
use madang_datapath::PortId;

/// One step. It names all that it needs but what only an earlier step makes known: the indices of new ports.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ends a workload and clears away what it left.
    StopWorkload {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
        /// Why, for people.
        why: String,
    },
    /// Deletes a port, both ends.
    DeletePort {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
        /// The interface's index.
        port: PortId,
        /// Why, for people.
        why: String,
    },
    /// Lets go of a network namespace: it goes with the last that is in it. The host's own stays.
    DeleteNamespace {
        /// The instance's uid.
        uid: String,
    },
    /// Makes a network namespace.
    CreateNamespace {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Notes that the host's own network namespace is the instance's.
    BindHost {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Makes a port, down on the host's side, and sets up the instance's end: MAC, address, default route; or the host's
    /// end: MAC, address, the ways to the VPC.
    CreatePort(PortSpec),
    /// Notes at a port that its instance has another name.
    NamePort {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Attaches the datapath's program to a port.
    AttachPort {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Attaches the datapath's program to an interface to the outside.
    AttachUplink {
        /// Its name.
        interface: String,
    },
    /// Takes the datapath's program off an interface.
    DetachUplink {
        /// Its name.
        interface: String,
    },
    /// Writes the tables: those that [`for_host`](madang_compile::Network::for_host) gives with the interfaces that
    /// exist now.
    WriteTables,
    /// Lets a port carry packets.
    SetPortUp {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Tells a running workload the names of its VPC's instances anew.
    WriteHosts {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
    /// Starts a workload.
    StartWorkload {
        /// The instance's uid.
        uid: String,
        /// The instance's name.
        name: String,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopWorkload { name, why, .. } => write!(f, "stop the process of {name}: {why}"),
            Self::DeletePort { name, why, .. } => write!(f, "delete the port of {name}: {why}"),
            Self::DeleteNamespace { uid } => write!(f, "let go of the network namespace of instance {uid}"),
            Self::CreateNamespace { name, .. } => write!(f, "create the network namespace of {name}"),
            Self::BindHost { name, .. } => write!(f, "bind the network namespace of the host to {name}"),
            Self::CreatePort(spec) => {
                write!(f, "create the port of {} ({}, {})", spec.name, spec.address, spec.mac)
            }
            Self::NamePort { name, .. } => write!(f, "note at its port that the instance is {name}"),
            Self::AttachPort { name, .. } => write!(f, "attach the datapath to the port of {name}"),
            Self::AttachUplink { interface } => write!(f, "attach the datapath to {interface}"),
            Self::DetachUplink { interface } => write!(f, "detach the datapath from {interface}"),
            Self::WriteTables => f.write_str("write the datapath's tables"),
            Self::SetPortUp { name, .. } => write!(f, "set the port of {name} up"),
            Self::WriteHosts { name, .. } => write!(f, "renew the host names that {name} knows"),
            Self::StartWorkload { name, .. } => write!(f, "start the process of {name}"),
        }
    }
}
