//! Reasons in words.

use std::fmt;

use super::events::{Reason, Way};

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Selecting => "the client takes an offer",
            Self::InitReboot => "the client started again and wants the address that it had",
            Self::Renewing => "the client asks its server to prolong the lease",
            Self::Rebinding => "the client asks any server to prolong the lease",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asks(way) => fmt::Display::fmt(way, f),
            Self::HasOther(address) => write!(f, "the client's lease is for {address}"),
            Self::ReservedElsewhere(address) => {
                write!(f, "{address} is reserved for the client: it gets that when it asks anew")
            }
            Self::Unreadable(error) => fmt::Display::fmt(error, f),
            Self::TooLong(length) => write!(f, "it has {length} bytes, which is more than any client says"),
            Self::NotForServers(kind) => write!(f, "clients do not send {kind}"),
            Self::OtherServer(server) => write!(f, "it is for the server {server}"),
            Self::Malformed(what) => {
                write!(f, "a client that keeps to RFC 2131 sends no such message: {what}")
            }
            Self::Moved(address) => write!(f, "the client has {address} now"),
            Self::UnknownServer(server) => {
                write!(
                    f,
                    "a server calls itself {server}, and nobody has said that there is one: look for it"
                )
            }
            Self::Chosen(server) => {
                write!(
                    f,
                    "the client takes the offer of {server}, and nobody has said that there is such a server"
                )
            }
            Self::NotReserved(error) => fmt::Display::fmt(error, f),
            other => f.write_str(plain(other)),
        }
    }
}

/// Those without a value.
fn plain(reason: &Reason) -> &'static str {
    match reason {
        Reason::Looking => "the client looks for a server",
        Reason::OptionsOnly => "the client has an address and asks for the rest",
        Reason::Reserved => "it is reserved for the client",
        Reason::HasLease => "the client has a lease for it",
        Reason::OfferedAlready => "it was offered to the client already",
        Reason::HadIt => "the client had it before",
        Reason::Wanted => "the client wants it, and it is free",
        Reason::NeverUsed => "no client had it yet",
        Reason::LongestFree => "every address was used once, and this one has been free longest",
        Reason::WrongNetwork => "the address is not of the network that the client is in",
        Reason::UnknownLease => "this server alone decides here, and knows no such lease of the client",
        Reason::ReservedForOther => "the address is reserved for another client now",
        Reason::NotLeased => "the address is in no pool, and not reserved for the client",
        Reason::OfferedToOther => "the address is offered to another client",
        Reason::InUse => "another client has the address",
        Reason::Quarantined => "somebody without a lease uses the address",
        Reason::Suspect => "another client may still use the address: it is probed before it is given again",
        Reason::NotARequest => "it is a server's",
        Reason::NoType => "it has no message type: it is of BOOTP, or of another document",
        Reason::Nobody => "it has neither a hardware address nor a client identifier",
        Reason::NoSubnet => "no subnet belongs to the link or the relay that it came through",
        Reason::HardwareLimit => "the hardware address has as many offers as one may have",
        Reason::PortLimit => "the port has as many offers as one may have",
        Reason::LeaseLimit => "the port has as many leases as one may have",
        Reason::Busy => "as many addresses are being probed as may be at once: the client will ask again",
        Reason::Exhausted => "no address is free: make the pool larger, or the leases shorter",
        Reason::NotItsLease => "the client has no lease for it",
        Reason::DeclineLimit => "the client has declined as many addresses as one may: it is not believed",
        Reason::TimeIsUp => "the client did not renew it in time",
        Reason::GivenBack => "the client gave it back",
        Reason::ByOperator => "an operator wanted it so",
        Reason::ClientSaysInUse => {
            "the client found that somebody else uses it: look for an address set by hand"
        }
        Reason::AnsweredProbe => "somebody without a lease uses it: look for an address set by hand",
        Reason::StillUsed => "its client still uses it, though the lease seemed to be over: it goes on",
        Reason::NoLease => "there is no lease of it, and no quarantine",
        _ => "",
    }
}
