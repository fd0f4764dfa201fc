//! What people read about a dropped packet.

use std::fmt;

use crate::abi::DropReason;

/// The words for each reason: name, sentence, hint.
macro_rules! reasons {
    ($($reason:ident $name:literal $sentence:literal $hint:literal)*) => {
        impl DropReason {
            /// Every reason, by code.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// The stable name, as `ingressDenied`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$reason => $name),* }
            }

            /// What happened, for people.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$reason => $sentence),* }
            }

            /// What to do about it.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$reason => $hint),* }
            }
        }
    };
}

reasons! {
    Truncated "truncated"
        "The frame ends in the middle of a header."
        "Look at what the instance sends: this is no whole packet."
    EtherType "etherType"
        "The frame carries neither IPv4 nor ARP."
        "IPv6 and VLAN tags are not carried yet: use IPv4 without tags."
    ArpUnsupported "arpUnsupported"
        "The ARP packet asks about something else than an IPv4 address on Ethernet."
        "Look at what the instance sends: only ARP for IPv4 over Ethernet is answered."
    IpHeader "ipHeader"
        "The IPv4 header is malformed."
        "Look at what the sender sends: version 4 and a header of 20 bytes are expected."
    IpOptions "ipOptions"
        "The IPv4 header has options."
        "Send without IPv4 options: they are not carried."
    IpLength "ipLength"
        "The IPv4 packet's length does not fit the frame."
        "Look at what the sender sends: the total length must be at least 20 bytes and lie within the frame."
    Fragment "fragment"
        "The fragment's first one, which has the ports, has not been seen."
        "Send again: the first fragment was lost, came late or was dropped. If that happens often, send smaller packets."
    ProtocolUnsupported "protocolUnsupported"
        "The packet is of IP protocol 0, which is none."
        "Look at what the sender sends."
    TransportHeader "transportHeader"
        "The IPv4 packet ends in the middle of its TCP, UDP or ICMP header."
        "Look at what the sender sends: this is no whole packet."
    IcmpUnsupported "icmpUnsupported"
        "The ICMP packet is neither an echo nor an error about a packet that is carried."
        "Only ping and errors are carried."
    BadFragment "badFragment"
        "The fragment overlaps its packet's first one, or its place or length cannot be."
        "Look at what the sender sends: fragments that overlap are used to slip past rules."
    NoPort "noPort"
        "The interface is no port of an instance."
        "Start the instance again; if that does not help, report it."
    SpoofedMac "spoofedMac"
        "The sender's Ethernet address is not the one that its port was given."
        "Use the instance's own MAC address; its status shows it."
    SpoofedAddress "spoofedAddress"
        "The sender's IP address is not the one that its port was given."
        "Send from the instance's own address; its status shows it."
    ArpNotRequest "arpNotRequest"
        "The ARP packet is a reply or an announcement, which nobody needs here."
        "Nothing needs to be done: addresses are known without it."
    ArpUnanswered "arpUnanswered"
        "The ARP request is for the asker's own address or one that nobody in the subnet has."
        "Check the address; if it should exist, check that its instance is there and in this subnet."
    Multicast "multicast"
        "The destination is a multicast or broadcast address."
        "Send to an instance's own address: multicast and broadcast are not carried."
    Martian "martian"
        "An address of the packet cannot be where it is used."
        "Check both addresses: none may be of 0.0.0.0/8, 127.0.0.0/8 or 169.254.0.0/16, an instance does not send to itself through the network, and no one outside uses an address of the VPC or of a pool."
    WrongMac "wrongMac"
        "The frame is not sent to the gateway's Ethernet address."
        "Let the instance resolve addresses by ARP, and remove static neighbour entries."
    GatewayOnly "gatewayOnly"
        "The destination is the subnet's gateway, which answers only ping."
        "Send to the instance or service that you want to reach."
    NotSyn "notSyn"
        "The TCP packet belongs to no known connection and does not open one."
        "Connect again: the connection was closed, was silent for too long, or was never open."
    NoEchoRequest "noEchoRequest"
        "The ICMP echo belongs to no known exchange."
        "Ping again: the request was not seen, or more than 30 seconds ago."
    PathChanged "pathChanged"
        "The flow would now go somewhere else than where it was opened to."
        "Connect again: a route, NAT gateway or forward has changed."
    TupleInUse "tupleInUse"
        "Another flow uses the same addresses and ports."
        "Connect again from another source port."
    FlowTableFull "flowTableFull"
        "There is no room for another flow."
        "Find out who opens so many connections; those that are silent for long make room by themselves."
    IcmpUnrelated "icmpUnrelated"
        "The ICMP error is about a packet of no known connection, or comes from somebody whom that does not concern."
        "Nothing needs to be done, unless it comes often: then somebody tries to disturb connections."
    InstanceQuota "instanceQuota"
        "The instance has as many connections, or half-open ones, as an instance may have."
        "Find out why it opens so many, or who opens them from outside: madang drops shows where. Open ones go on."
    VpcQuota "vpcQuota"
        "The VPC has as many connections, or half-open ones, as a VPC may have."
        "Find out which of its instances open so many. Open ones go on."
    NoEndpoint "noEndpoint"
        "The sender's address is not in its VPC's tables."
        "Wait until the instance is ready; if that does not help, report it."
    EgressDenied "egressDenied"
        "No egress rule of the sender's security groups allows it."
        "Add an egress rule for this peer, protocol and port to a security group of the sender."
    IngressDenied "ingressDenied"
        "No ingress rule of the receiver's security groups allows it."
        "Add an ingress rule for this peer, protocol and port to a security group of the receiver."
    NoForward "noForward"
        "Nothing is forwarded from this public address, protocol and port."
        "Add the port to a PublicAddress, or check the address and port."
    NoService "noService"
        "No service is asked there, at this protocol and port."
        "Names are asked at 169.254.169.253, port 53; what an instance is told about itself at 169.254.169.254, TCP port 80. Of DHCP: the subnet's server is switched off."
    NoRoute "noRoute"
        "The sender's route table has no route for the destination."
        "Add a route for the destination to the subnet's route table."
    Blackhole "blackhole"
        "The route for the destination leads nowhere on purpose."
        "Change the blackhole route if the destination should be reached."
    NoInstance "noInstance"
        "The destination belongs to the VPC, but no instance has it."
        "Check the address, and that its instance is running."
    NoPublicAddress "noPublicAddress"
        "The route leads to the internet, but the instance has no public address of its own."
        "Route to a NAT gateway instead."
    NatGone "natGone"
        "The route leads to a NAT gateway that is not there."
        "Check that the NAT gateway exists and has an address."
    NatPortsExhausted "natPortsExhausted"
        "The NAT gateway has no free port towards this destination."
        "Close connections to it, or spread them over another NAT gateway."
    TtlExceeded "ttlExceeded"
        "The packet has passed as many routers as its sender allows."
        "Raise the TTL, or find the routing loop."
    NoUplink "noUplink"
        "The address that the packet would leave from is at no uplink."
        "Check the AddressPool: its interface must exist on this host."
    TooLarge "tooLarge"
        "The packet is larger than what the uplink carries."
        "Nothing needs to be done: its sender is told, and sends smaller ones. If it does not, set the Vpc's mtu to that of the AddressPool's interface."
    KernelRefused "kernelRefused"
        "The kernel refused to read or change the packet."
        "Try again; if it stays, report it with the kernel's version."
}

impl DropReason {
    /// The number that the kernel counts it by.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// The reason of this number.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
