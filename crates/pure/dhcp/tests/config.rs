//! What a configuration cannot be, and what is said of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::Ipv4Addr;

use madang_dhcp::{
    ClientMatch, ConfigError, Range, Reservation, ServerConfig, ServerSpec, SubnetSpec, Taken,
};
use madang_wire::dhcp::{Options, code};

fn range(first: [u8; 4], last: [u8; 4]) -> Range {
    Range { first: first.into(), last: last.into() }
}

fn reservation(address: [u8; 4], client: ClientMatch) -> Reservation {
    Reservation { client, address: address.into(), name: None, options: Options::new() }
}

fn mac(last: u8) -> ClientMatch {
    ClientMatch::Mac(madang_addr::Mac([2, 0, 0, 0, 0, last]))
}

/// A good one, changed.
fn checked(change: impl FnOnce(&mut ServerSpec, &mut SubnetSpec)) -> Result<ServerConfig, ConfigError> {
    let mut spec = ServerSpec::new([10, 0, 0, 1].into());
    let mut subnet = SubnetSpec::new("10.0.0.0/24".parse().unwrap());
    subnet.link = Some(1);
    subnet.routers = vec![[10, 0, 0, 1].into()];
    subnet.pools = vec![range([10, 0, 0, 10], [10, 0, 0, 99])];
    subnet.reservations = vec![reservation([10, 0, 0, 5], mac(5))];
    change(&mut spec, &mut subnet);
    spec.subnets.push(subnet);
    ServerConfig::new(spec)
}

fn wrong(change: impl FnOnce(&mut ServerSpec, &mut SubnetSpec)) -> ConfigError {
    let error = checked(change).unwrap_err();
    assert!(!error.to_string().ends_with('.') && !error.to_string().contains('!'));
    error
}

#[test]
fn a_good_one_is_taken() {
    checked(|_, _| {}).unwrap();
    checked(|_, subnet| subnet.pools.clear()).unwrap();
    // A whole subnet, but for what no client can have.
    checked(|_, subnet| {
        subnet.pools = vec![range([10, 0, 0, 0], [10, 0, 0, 255])];
        subnet.excluded = vec![range([10, 0, 0, 0], [10, 0, 0, 1]), range([10, 0, 0, 255], [10, 0, 0, 255])];
    })
    .unwrap();
    // A link between two has neither network nor broadcast address.
    checked(|_, subnet| {
        *subnet = SubnetSpec::new("10.9.0.0/31".parse().unwrap());
        subnet.pools = vec![range([10, 9, 0, 0], [10, 9, 0, 1])];
    })
    .unwrap();
}

#[test]
fn pools() {
    let subnet = "10.0.0.0/24".parse().unwrap();
    let error = wrong(|_, subnet| subnet.pools = vec![range([10, 0, 0, 200], [10, 0, 1, 5])]);
    assert!(matches!(error, ConfigError::PoolOutside { .. }), "{error}");
    assert_eq!(error.to_string(), "the pool 10.0.0.200-10.0.1.5 is not within its subnet 10.0.0.0/24");
    let error = wrong(|_, subnet| subnet.pools.push(range([10, 0, 0, 99], [10, 0, 0, 120])));
    assert_eq!(error, ConfigError::PoolsOverlap { subnet, address: [10, 0, 0, 99].into() });
    let error = wrong(|_, subnet| subnet.pools = vec![range([10, 0, 0, 9], [10, 0, 0, 8])]);
    assert!(matches!(error, ConfigError::RangeBackwards { .. }));
    for (pool, address, what) in [
        (range([10, 0, 0, 0], [10, 0, 0, 0]), [10, 0, 0, 0], Taken::Network),
        (range([10, 0, 0, 200], [10, 0, 0, 255]), [10, 0, 0, 255], Taken::Broadcast),
        (range([10, 0, 0, 1], [10, 0, 0, 9]), [10, 0, 0, 1], Taken::Server),
        (range([10, 0, 0, 2], [10, 0, 0, 9]), [10, 0, 0, 3], Taken::Router),
    ] {
        let error = wrong(|_, subnet| {
            subnet.routers = vec![[10, 0, 0, 3].into()];
            subnet.pools = vec![pool];
        });
        assert_eq!(error, ConfigError::PoolHas { subnet, address: address.into(), what });
    }
}

#[test]
fn reservations() {
    let add = |reservation: Reservation| wrong(|_, subnet| subnet.reservations.push(reservation)).to_string();
    let own = Ipv4Addr::new(10, 0, 0, 5);
    assert!(add(reservation([10, 0, 1, 5], mac(6))).contains("not in its subnet"));
    assert!(add(reservation(own.octets(), mac(6))).contains("reserved twice"));
    assert!(add(reservation([10, 0, 0, 6], mac(5))).contains("has another reservation"));
    assert!(add(reservation([10, 0, 0, 255], mac(6))).contains("broadcast address"));
    assert!(add(reservation([10, 0, 0, 1], mac(6))).contains("server"));
    assert!(add(reservation([10, 0, 0, 6], ClientMatch::ClientId(vec![1]))).contains("1 bytes"));
    let named = Reservation { name: Some("Web 1".to_owned()), ..reservation([10, 0, 0, 6], mac(6)) };
    assert!(add(named).contains("no host name"));
    let error = wrong(|_, subnet| {
        let named = |last, client| Reservation {
            name: Some("web".to_owned()),
            ..reservation([10, 0, 0, last], mac(client))
        };
        subnet.reservations = vec![named(6, 6), named(7, 7)];
    });
    assert_eq!(
        error.to_string(),
        "the name web is reserved for 10.0.0.6 and for 10.0.0.7: a name leads to one address"
    );
}

#[test]
fn subnets() {
    let other = |prefix: &str| SubnetSpec::new(prefix.parse().unwrap());
    let error = wrong(|spec, _| spec.subnets.push(other("10.0.0.128/25")));
    assert_eq!(
        error.to_string(),
        "the subnets 10.0.0.0/24 and 10.0.0.128/25 overlap: an address is in one subnet"
    );
    let error = wrong(|spec, _| spec.subnets.push(SubnetSpec { link: Some(1), ..other("10.1.0.0/24") }));
    assert!(matches!(error, ConfigError::LinkTwice { link: 1, .. }));
    assert!(matches!(wrong(|spec, _| spec.subnets.push(other("fd00::/64"))), ConfigError::Family { .. }));
    let error = wrong(|_, subnet| subnet.routers = vec![[10, 0, 1, 1].into()]);
    assert!(matches!(error, ConfigError::RouterOutside { .. }));
}

#[test]
fn times_limits_and_options() {
    for (min, default, max) in [(0, 1, 2), (3, 2, 4), (1, 5, 4)] {
        let error = wrong(|_, subnet| {
            (subnet.lease.min, subnet.lease.default, subnet.lease.max) = (min, default, max);
        });
        assert!(matches!(error, ConfigError::LeaseBounds { .. }));
    }
    for (renew, rebind) in [(0, 800), (800, 800), (500, 1000)] {
        let error = wrong(|_, subnet| {
            (subnet.lease.renew_permille, subnet.lease.rebind_permille) = (renew, rebind);
        });
        assert!(matches!(error, ConfigError::Renewal { .. }));
    }
    let error = wrong(|spec, _| spec.limits.offers_per_port = 0);
    assert_eq!(error.to_string(), "the limit of offers to a port is 0: no client would get an address");
    for code in
        [code::SUBNET_MASK, code::LEASE_TIME, code::SERVER_ID, code::CLIENT_ID, code::RELAY_INFORMATION]
    {
        let error = wrong(|_, subnet| {
            subnet.options.set(code, [1, 2, 3, 4]);
        });
        assert_eq!(error, ConfigError::OptionIsTheServers { code });
    }
    assert!(matches!(wrong(|spec, _| spec.server_id = [0, 0, 0, 0].into()), ConfigError::ServerId { .. }));
    let error = wrong(|_, subnet| subnet.boot.file = "x".repeat(128));
    assert!(matches!(error, ConfigError::BootName { length: 128, most: 127, .. }));
}
