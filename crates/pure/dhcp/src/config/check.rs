//! What is checked of a server as a whole, and of options anywhere.

use madang_wire::dhcp::{Options, code};

use super::{ConfigError, ServerSpec};

/// What the server sets itself, or what only clients and relays send.
const OF_THE_SERVER: [u8; 12] = [
    code::SUBNET_MASK,
    code::REQUESTED_ADDRESS,
    code::LEASE_TIME,
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::PARAMETER_LIST,
    code::MESSAGE,
    code::MAXIMUM_SIZE,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::CLIENT_ID,
    code::RELAY_INFORMATION,
];

pub(super) fn server(spec: &ServerSpec) -> Result<(), ConfigError> {
    let address = spec.server_id;
    if address.is_unspecified() || address.is_broadcast() || address.is_multicast() {
        return Err(ConfigError::ServerId { address });
    }
    if u16::try_from(spec.subnets.len()).is_err() {
        return Err(ConfigError::TooManySubnets { count: spec.subnets.len(), most: u16::MAX });
    }
    options(&spec.options)?;
    spec.classes.iter().try_for_each(|class| options(&class.options))?;
    let limits = [
        ("of offers to a hardware address", u32::from(spec.limits.offers_per_hardware)),
        ("of offers to a port", spec.limits.offers_per_port),
        ("of leases of a port", spec.limits.leases_per_port.unwrap_or(1)),
        ("of probes", spec.limits.probes),
    ];
    match limits.into_iter().find(|(_, limit)| *limit == 0) {
        Some((limit, _)) => Err(ConfigError::LimitIsZero { limit }),
        None => Ok(()),
    }
}

pub(super) fn options(options: &Options) -> Result<(), ConfigError> {
    match options.iter().find(|(code, _)| OF_THE_SERVER.contains(code)) {
        Some((code, _)) => Err(ConfigError::OptionIsTheServers { code }),
        None => Ok(()),
    }
}
