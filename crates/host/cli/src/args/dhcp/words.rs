//! What a word behind an option of `madang dhcp` says.

use std::net::{IpAddr, Ipv4Addr};

use madang_addr::Prefix;
use madang_dhcp::{ClientMatch, Range};

/// An address for a certain client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) client: ClientMatch,
    pub(crate) address: Ipv4Addr,
    pub(crate) name: Option<String>,
}

/// An option of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionValue {
    pub(crate) code: u8,
    pub(crate) value: Vec<u8>,
}

/// `FIRST-LAST`, a prefix (of which the network and the broadcast address are no hosts'), or one address.
pub(super) fn range(text: &str) -> Result<Range, String> {
    if let Ok(address) = text.parse() {
        return Ok(Range { first: address, last: address });
    }
    if let Some((first, last)) = text.split_once('-') {
        let address = |text: &str| text.trim().parse().map_err(|_| format!("{text:?} is no address of IPv4"));
        return Ok(Range { first: address(first)?, last: address(last)? });
    }
    let prefix: Prefix = text.parse().map_err(|_| "write a range as FIRST-LAST or as a prefix".to_owned())?;
    let (IpAddr::V4(first), IpAddr::V4(last)) = (prefix.address(), prefix.last()) else {
        return Err(format!("{prefix} is not of IPv4"));
    };
    let inner = |bits: u32, by: i64| Ipv4Addr::from(u32::try_from(i64::from(bits) + by).unwrap_or(bits));
    let has_ends = prefix.length() < 31;
    let (first, last) = (u32::from(first), u32::from(last));
    Ok(Range { first: inner(first, has_ends.into()), last: inner(last, -i64::from(has_ends)) })
}

/// `MAC=ADDRESS[=NAME]` or `id:HEX=ADDRESS[=NAME]`.
pub(super) fn fixed(text: &str) -> Result<Fixed, String> {
    let form = "write a reservation as MAC=ADDRESS[=NAME] or id:HEX=ADDRESS[=NAME]";
    let mut parts = text.splitn(3, '=');
    let (Some(client), Some(address), name) = (parts.next(), parts.next(), parts.next()) else {
        return Err(form.to_owned());
    };
    let client = match client.strip_prefix("id:") {
        Some(id) => identifier(id)?,
        None => ClientMatch::Mac(client.parse().map_err(|_| format!("{client:?} is no MAC: {form}"))?),
    };
    let address = address.parse().map_err(|_| format!("{address:?} is no address of IPv4: {form}"))?;
    Ok(Fixed { client, address, name: name.map(Into::into) })
}

/// Bytes in hexadecimal, with or without colons.
pub(super) fn identifier(text: &str) -> Result<ClientMatch, String> {
    bytes(text).map(ClientMatch::ClientId)
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("{text:?} is no row of bytes in hexadecimal, as 01:02:ab");
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() || digits.is_empty() {
        return Err(wrong());
    }
    pairs.map(|pair| u8::try_from(pair[0] << 4 | pair[1]).map_err(|_| wrong())).collect()
}

/// `CODE=KIND:VALUE`.
pub(super) fn option(text: &str) -> Result<OptionValue, String> {
    let form = "write an option as CODE=text:T, hex:H, ip:A,A.., u8:N, u16:N or u32:N";
    let (code, value) = text.split_once('=').ok_or(form)?;
    let code = code.parse().map_err(|_| format!("{code:?} is no option's number, 1 to 254: {form}"))?;
    let (kind, value) = value.split_once(':').ok_or(form)?;
    let number = || value.parse::<u32>().map_err(|_| format!("{value:?} is no number that fits: {form}"));
    let fits = |_| format!("{value} does not fit into {kind}");
    let value = match kind {
        "text" => value.as_bytes().to_vec(),
        "hex" => bytes(value)?,
        "ip" => {
            let address =
                |text: &str| text.parse::<Ipv4Addr>().map_err(|_| format!("{text:?} is no address: {form}"));
            let addresses = value.split(',').map(address).collect::<Result<Vec<_>, _>>()?;
            addresses.iter().flat_map(Ipv4Addr::octets).collect()
        }
        "u8" => vec![u8::try_from(number()?).map_err(fits)?],
        "u16" => u16::try_from(number()?).map_err(fits)?.to_be_bytes().to_vec(),
        "u32" => number()?.to_be_bytes().to_vec(),
        _ => return Err(form.to_owned()),
    };
    Ok(OptionValue { code, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_in_three_ways() {
        let of = |first: [u8; 4], last: [u8; 4]| Ok(Range { first: first.into(), last: last.into() });
        assert_eq!(range("10.0.0.5-10.0.0.9"), of([10, 0, 0, 5], [10, 0, 0, 9]));
        assert_eq!(range("10.0.0.7"), of([10, 0, 0, 7], [10, 0, 0, 7]));
        assert_eq!(range("10.0.0.0/24"), of([10, 0, 0, 1], [10, 0, 0, 254]));
        assert_eq!(range("10.0.0.4/31"), of([10, 0, 0, 4], [10, 0, 0, 5]));
        for wrong in ["", "10.0.0.5-", "a-b", "10.0.0.1/24", "2001:db8::/64"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn reservations_name_a_mac_or_an_identifier() {
        let by_mac = fixed("02:00:00:00:00:01=10.0.0.5=web").unwrap();
        assert_eq!(by_mac.client, ClientMatch::Mac("02:00:00:00:00:01".parse().unwrap()));
        assert_eq!((by_mac.address, by_mac.name.as_deref()), ([10, 0, 0, 5].into(), Some("web")));
        let by_id = fixed("id:01ab=10.0.0.6").unwrap();
        assert_eq!((by_id.client, by_id.name), (ClientMatch::ClientId(vec![1, 0xab]), None));
        for wrong in ["02:00:00:00:00:01", "x=10.0.0.5", "id:1=10.0.0.5", "id:01=x"] {
            assert!(fixed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_say_what_their_value_is() {
        let value = |text| option(text).map(|option| (option.code, option.value));
        assert_eq!(value("66=text:tftp"), Ok((66, b"tftp".to_vec())));
        assert_eq!(value("43=hex:01:ff"), Ok((43, vec![1, 255])));
        assert_eq!(value("42=ip:10.0.0.1,10.0.0.2"), Ok((42, vec![10, 0, 0, 1, 10, 0, 0, 2])));
        assert_eq!(value("26=u16:1400"), Ok((26, vec![5, 120])));
        for wrong in ["26", "26=1400", "300=u8:1", "26=u8:256", "26=x:1", "3=ip:"] {
            assert!(option(wrong).is_err(), "{wrong}");
        }
    }
}
