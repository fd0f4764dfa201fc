//! Messages as text, both ways.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use madang_addr::Mac;
use madang_wire::dhcp::{
    HardwareAddress, Header, MessageType, Op, Options, Packet, RelayInformation, Repr, Route, code, suboption,
};

use super::{Line, hex, parsed};

const TYPES: [MessageType; 8] = [
    MessageType::Discover,
    MessageType::Offer,
    MessageType::Request,
    MessageType::Decline,
    MessageType::Ack,
    MessageType::Nak,
    MessageType::Release,
    MessageType::Inform,
];

/// Options by the names that the conversations have for them.
const NAMES: [(&str, u8); 24] = [
    ("mask", code::SUBNET_MASK),
    ("routers", code::ROUTERS),
    ("dns", code::DNS_SERVERS),
    ("name", code::HOST_NAME),
    ("domain", code::DOMAIN_NAME),
    ("mtu", code::INTERFACE_MTU),
    ("ntp", code::NTP_SERVERS),
    ("want", code::REQUESTED_ADDRESS),
    ("lease", code::LEASE_TIME),
    ("server", code::SERVER_ID),
    ("list", code::PARAMETER_LIST),
    ("message", code::MESSAGE),
    ("size", code::MAXIMUM_SIZE),
    ("t1", code::RENEWAL_TIME),
    ("t2", code::REBINDING_TIME),
    ("vendor", code::VENDOR_CLASS),
    ("id", code::CLIENT_ID),
    ("user", code::USER_CLASS),
    ("fqdn", code::FQDN),
    ("relay", code::RELAY_INFORMATION),
    ("routes", code::CLASSLESS_ROUTES),
    ("type", code::MESSAGE_TYPE),
    ("time-offset", 2),
    ("root", 17),
];

/// The message of a line.
pub(crate) fn read(line: &Line<'_>, op: Op, mac: Mac, xid: u32) -> Vec<u8> {
    let kind = line.words.iter().find_map(|word| TYPES.iter().find(|kind| kind.to_string() == *word));
    let mut options = options(line);
    if let Some(kind) = kind {
        options.set(code::MESSAGE_TYPE, [kind.number()]);
    }
    let relay = relay(line);
    if !relay.is_empty() {
        options.set(code::RELAY_INFORMATION, relay);
    }
    let mut header = Header { op, ..Header::request(HardwareAddress::ethernet(mac), xid) };
    header.broadcast = line.has("broadcast");
    let unset = Ipv4Addr::UNSPECIFIED;
    header.ciaddr = line.value("ci").unwrap_or(unset);
    header.yiaddr = line.value("yi").unwrap_or(unset);
    header.giaddr = line.value("gi").unwrap_or(unset);
    let mut bytes = Vec::new();
    assert_eq!(Repr::new(header, options).emit(1400, &mut bytes), 0);
    if line.has("bootp") {
        bytes[236..240].fill(0);
    }
    bytes
}

/// The options of a line, by their names.
pub(crate) fn options(line: &Line<'_>) -> Options {
    let mut options = Options::new();
    for (name, value) in &line.values {
        if let Some((_, code)) = NAMES.iter().find(|(known, _)| known == name) {
            options.set(*code, encoded(*code, value));
        }
    }
    options
}

fn encoded(option: u8, value: &str) -> Vec<u8> {
    match option {
        code::SUBNET_MASK
        | code::ROUTERS
        | code::DNS_SERVERS
        | code::NTP_SERVERS
        | code::REQUESTED_ADDRESS
        | code::SERVER_ID => {
            value.split(',').flat_map(|address| parsed::<Ipv4Addr>(address).octets()).collect()
        }
        code::LEASE_TIME | code::RENEWAL_TIME | code::REBINDING_TIME => {
            parsed::<u32>(value).to_be_bytes().to_vec()
        }
        code::MAXIMUM_SIZE | code::INTERFACE_MTU => parsed::<u16>(value).to_be_bytes().to_vec(),
        code::PARAMETER_LIST => value.split(',').map(parsed::<u8>).collect(),
        code::CLIENT_ID | code::RELAY_INFORMATION => hex(value),
        code::CLASSLESS_ROUTES => {
            let route = |text: &str| {
                let (destination, router) = text.split_once('>').unwrap();
                Route { destination: parsed(destination), router: parsed(router) }
            };
            Route::encode(&value.split(',').map(route).collect::<Vec<_>>())
        }
        code::FQDN => [&[0, 0, 0], value.as_bytes()].concat(),
        _ => value.as_bytes().to_vec(),
    }
}

fn relay(line: &Line<'_>) -> Vec<u8> {
    let mut relay = Vec::new();
    let mut add = |code: u8, value: &[u8]| {
        relay.extend_from_slice(&[code, u8::try_from(value.len()).unwrap()]);
        relay.extend_from_slice(value);
    };
    if let Some(circuit) = line.values.get("circuit") {
        add(suboption::CIRCUIT_ID, circuit.as_bytes());
    }
    for (name, code) in [("select", suboption::LINK_SELECTION), ("override", suboption::SERVER_ID_OVERRIDE)] {
        if let Some(address) = line.value::<Ipv4Addr>(name) {
            add(code, &address.octets());
        }
    }
    relay
}

/// A message as text: its type, the fields that are not empty, its options in their order.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let packet = Packet::new_checked(bytes).unwrap();
    let header = packet.header();
    let mut out = packet.message_type().map_or("BOOTP".to_owned(), |kind| kind.to_string());
    for (name, address) in
        [("ci", header.ciaddr), ("yi", header.yiaddr), ("si", header.siaddr), ("gi", header.giaddr)]
    {
        if !address.is_unspecified() {
            write!(out, " {name}={address}").unwrap();
        }
    }
    if header.secs > 0 {
        write!(out, " secs={}", header.secs).unwrap();
    }
    if header.broadcast {
        out.push_str(" broadcast");
    }
    for (name, text) in [("sname", packet.server_name()), ("file", packet.boot_file())] {
        if !text.is_empty() {
            write!(out, " {name}={}", String::from_utf8_lossy(text)).unwrap();
        }
    }
    for (code, value) in packet.fragments().filter(|(code, _)| *code != code::MESSAGE_TYPE) {
        let name = NAMES.iter().find(|(_, known)| *known == code);
        let name = name.map_or(code.to_string(), |(name, _)| (*name).to_owned());
        write!(out, " {name}={}", decoded(code, value)).unwrap();
    }
    out
}

fn decoded(option: u8, value: &[u8]) -> String {
    let joined = |texts: Vec<String>| texts.join(",");
    match option {
        code::SUBNET_MASK
        | code::ROUTERS
        | code::DNS_SERVERS
        | code::NTP_SERVERS
        | code::REQUESTED_ADDRESS
        | code::SERVER_ID => {
            let addresses = value.chunks(4).map(|four| Ipv4Addr::from(<[u8; 4]>::try_from(four).unwrap()));
            joined(addresses.map(|address| address.to_string()).collect())
        }
        code::LEASE_TIME | code::RENEWAL_TIME | code::REBINDING_TIME => {
            u32::from_be_bytes(value.try_into().unwrap()).to_string()
        }
        code::MAXIMUM_SIZE | code::INTERFACE_MTU => u16::from_be_bytes(value.try_into().unwrap()).to_string(),
        code::PARAMETER_LIST => joined(value.iter().map(u8::to_string).collect()),
        code::RELAY_INFORMATION => {
            let circuit = RelayInformation::new(value).suboption(suboption::CIRCUIT_ID);
            circuit.map_or("?".to_owned(), |circuit| String::from_utf8_lossy(circuit).into_owned())
        }
        code::CLASSLESS_ROUTES => {
            let routes = Route::decode(value).unwrap();
            joined(routes.iter().map(|route| format!("{}>{}", route.destination, route.router)).collect())
        }
        code::HOST_NAME | code::DOMAIN_NAME | code::VENDOR_CLASS | 17 => {
            String::from_utf8_lossy(value).into_owned()
        }
        code::MESSAGE => format!("\"{}\"", String::from_utf8_lossy(value)),
        _ => value.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
