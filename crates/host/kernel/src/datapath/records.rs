//! The tables as records: what is written of [`Tables`], and how it is read back.

use std::collections::BTreeMap;

use madang_addr::{Mac, Prefix};
use madang_datapath::{
    ClassId, Direction, Endpoint, Forward, ForwardKey, Nat, NatId, Outside, PolicyId, Port, PortId,
    PortPrefix, Route, RouteTableId, Rule, Tables, Uplink, UplinkId, VpcId, VpcTables,
};

use super::Error;
use super::abi::{
    AddressKey, CLASS_KEY_BITS, ClassKey, EGRESS, EndpointRecord, ForwardKeyRecord, ForwardRecord, INGRESS,
    NatRecord, NumberKey, PortRecord, ROUTE_BLACKHOLE, ROUTE_INTERNET, ROUTE_KEY_BITS, ROUTE_LOCAL,
    ROUTE_NAT, RULE_KEY_BITS, RouteKey, RouteRecord, RuleKey, UplinkRecord,
};
use super::maps::{Map, Maps};
use super::sys::Record;

/// The outside's number.
pub(super) const OUTSIDE: u32 = VpcId::OUTSIDE.0;

/// A key below a VPC's generation.
pub(super) trait Versioned: Record {
    fn vpc(&self) -> u32;
    fn generation(&self) -> u32;
    fn at(self, generation: u32) -> Self;
}

macro_rules! versioned {
    ($($key:ty)*) => {$(
        impl Versioned for $key {
            fn vpc(&self) -> u32 {
                self.vpc
            }
            fn generation(&self) -> u32 {
                self.generation
            }
            fn at(self, generation: u32) -> Self {
                Self { generation, ..self }
            }
        }
    )*};
}
versioned!(AddressKey ClassKey RouteKey RuleKey NumberKey ForwardKeyRecord);

/// One of the operations that are the same for each of the tables.
macro_rules! each_table {
    ($do:ident) => {
        $do!(endpoints, classes, routes, rules, addresses, nats, uplinks, forwards)
    };
}

/// The entries of one VPC or of all, whatever their generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    endpoints: BTreeMap<AddressKey, EndpointRecord>,
    classes: BTreeMap<ClassKey, u32>,
    routes: BTreeMap<RouteKey, RouteRecord>,
    rules: BTreeMap<RuleKey, u8>,
    addresses: BTreeMap<AddressKey, u32>,
    nats: BTreeMap<NumberKey, NatRecord>,
    uplinks: BTreeMap<NumberKey, UplinkRecord>,
    forwards: BTreeMap<ForwardKeyRecord, ForwardRecord>,
}

impl Records {
    /// All that the maps have.
    pub(super) fn read(maps: &Maps) -> Result<Self, Error> {
        macro_rules! read {
            ($($table:ident),*) => { Ok(Self { $($table: maps.$table.entries()?,)* }) };
        }
        each_table!(read)
    }

    /// Writes all of these; how many that were.
    pub(super) fn write(&self, maps: &Maps) -> Result<usize, Error> {
        macro_rules! write {
            ($($table:ident),*) => { Ok(0 $(+ maps.$table.write_all(&self.$table)?)*) };
        }
        each_table!(write)
    }

    /// Deletes all of these; how many were there.
    pub(super) fn delete(&self, maps: &Maps) -> Result<usize, Error> {
        macro_rules! delete {
            ($($table:ident),*) => { Ok(0 $(+ delete(&maps.$table, &self.$table)?)*) };
        }
        each_table!(delete)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        macro_rules! empty {
            ($($table:ident),*) => { true $(&& self.$table.is_empty())* };
        }
        each_table!(empty)
    }

    /// The same, of another generation.
    pub(super) fn at(&self, generation: u32) -> Self {
        macro_rules! at {
            ($($table:ident),*) => {
                Self { $($table: self.$table.iter().map(|(key, value)| (key.at(generation), *value)).collect(),)* }
            };
        }
        each_table!(at)
    }

    /// Those of which this holds, given VPC and generation, and the others.
    pub(super) fn partition(self, of: impl Fn(u32, u32) -> bool) -> (Self, Self) {
        let (mut yes, mut no) = (Self::default(), Self::default());
        macro_rules! partition {
            ($($table:ident),*) => {$(
                (yes.$table, no.$table) =
                    self.$table.into_iter().partition(|(key, _)| of(key.vpc(), key.generation()));
            )*};
        }
        each_table!(partition);
        (yes, no)
    }

    /// Each VPC's own.
    pub(super) fn by_vpc(&self) -> BTreeMap<u32, Self> {
        let mut split: BTreeMap<u32, Self> = BTreeMap::new();
        macro_rules! split {
            ($($table:ident),*) => {$(
                for (key, value) in &self.$table {
                    split.entry(key.vpc()).or_default().$table.insert(*key, *value);
                }
            )*};
        }
        each_table!(split);
        split
    }
}

fn delete<K: Record, V: Record>(map: &Map<K, V>, entries: &BTreeMap<K, V>) -> Result<usize, Error> {
    map.delete_all(&entries.keys().copied().collect::<Vec<_>>())
}

/// A prefix's length as the maps count it, from the first bit of the 16 bytes.
fn length(prefix: Prefix) -> u8 {
    128 - prefix.host_bits()
}

fn prefix(address: super::abi::Addr, length: u32) -> Option<Prefix> {
    let address = address.into();
    let ignored = if matches!(address, std::net::IpAddr::V4(_)) { 96 } else { 0 };
    Prefix::new(address, u8::try_from(length.checked_sub(ignored)?).ok()?).ok()
}

// --- From tables to records, of generation 0. ---

impl From<&Port> for PortRecord {
    fn from(port: &Port) -> Self {
        Self {
            vpc: port.vpc.0,
            mac: port.mac.0,
            subnet_length: length(port.subnet),
            pad: 0,
            address: port.address.into(),
            subnet: port.subnet.address().into(),
            gateway: port.gateway.into(),
        }
    }
}

impl From<&Tables> for Records {
    fn from(tables: &Tables) -> Self {
        let mut records = Self::default();
        for (vpc, own) in &tables.vpcs {
            records.add_vpc(vpc.0, own);
        }
        records.add_outside(&tables.outside);
        records
    }
}

impl Records {
    fn add_vpc(&mut self, vpc: u32, own: &VpcTables) {
        let generation = 0;
        self.endpoints.extend(own.endpoints.iter().map(|(address, endpoint)| {
            let Endpoint { port, mac, policy, routes, nat, of_host } = endpoint;
            let record = EndpointRecord {
                port: port.0,
                policy: policy.0,
                routes: routes.0,
                nat: nat.map_or(0, |nat| nat.0),
                mac: mac.0,
                of_host: (*of_host).into(),
                pad: 0,
            };
            (AddressKey { vpc, generation, address: (*address).into() }, record)
        }));
        self.classes.extend(own.classes.iter().map(|(prefix, class)| {
            let length = CLASS_KEY_BITS + u32::from(length(*prefix));
            (ClassKey { length, vpc, generation, address: prefix.address().into() }, class.0)
        }));
        self.routes.extend(own.routes.iter().map(|((table, prefix), route)| {
            let length = ROUTE_KEY_BITS + u32::from(length(*prefix));
            let address = prefix.address().into();
            (RouteKey { length, vpc, generation, table: table.0, address }, route_record(*route))
        }));
        // Protocol 0 means every one in a key; nobody sends packets of the protocol that has this number.
        self.rules.extend(own.rules.iter().filter(|rule| rule.protocol != Some(0)).map(|rule| {
            let key = RuleKey {
                length: RULE_KEY_BITS + u32::from(rule.ports.length()),
                vpc,
                generation,
                policy: rule.policy.0,
                class: rule.class.0,
                direction: if rule.direction == Direction::Ingress { INGRESS } else { EGRESS },
                protocol: rule.protocol.unwrap_or(0),
                port: rule.ports.base().into(),
            };
            (key, 1)
        }));
        self.add_forwards(vpc, &own.forwards);
    }

    fn add_outside(&mut self, outside: &Outside) {
        let (vpc, generation) = (OUTSIDE, 0);
        let number = |number| NumberKey { vpc, generation, number };
        self.addresses.extend(
            outside.addresses.iter().map(|(address, uplink)| {
                (AddressKey { vpc, generation, address: (*address).into() }, uplink.0)
            }),
        );
        self.nats.extend(outside.nats.iter().map(|(id, nat)| {
            let Nat { address, first_port, last_port } = *nat;
            (number(id.0), NatRecord { address: address.into(), first_port, last_port })
        }));
        self.uplinks.extend(outside.uplinks.iter().map(|(id, uplink)| {
            let Uplink { mac, next_hop, mtu } = *uplink;
            (number(id.0), UplinkRecord { next_hop: next_hop.into(), mac: mac.0, mtu })
        }));
        self.add_forwards(vpc, &outside.forwards);
    }

    fn add_forwards(&mut self, vpc: u32, forwards: &BTreeMap<ForwardKey, Forward>) {
        self.forwards.extend(forwards.iter().map(|(key, forward)| {
            let ForwardKey { address, protocol, port } = *key;
            let key = ForwardKeyRecord {
                vpc,
                generation: 0,
                address: address.into(),
                port: port.into(),
                protocol,
                pad: 0,
            };
            let Forward { vpc, address, port } = *forward;
            (key, ForwardRecord { address: address.into(), vpc: vpc.0, port: port.into(), pad: [0; 2] })
        }));
    }
}

fn route_record(route: Route) -> RouteRecord {
    match route {
        Route::Local => RouteRecord { kind: ROUTE_LOCAL, nat: 0 },
        Route::Internet => RouteRecord { kind: ROUTE_INTERNET, nat: 0 },
        Route::Nat(NatId(nat)) => RouteRecord { kind: ROUTE_NAT, nat },
        Route::Blackhole => RouteRecord { kind: ROUTE_BLACKHOLE, nat: 0 },
    }
}

// --- And back. ---

fn damaged(name: &'static str) -> Error {
    Error::Damaged { name }
}

impl PortRecord {
    pub(super) fn port(&self) -> Result<Port, Error> {
        Ok(Port {
            vpc: VpcId(self.vpc),
            address: self.address.into(),
            mac: Mac(self.mac),
            subnet: prefix(self.subnet, self.subnet_length.into()).ok_or_else(|| damaged("ports"))?,
            gateway: self.gateway.into(),
        })
    }
}

impl Records {
    /// What these say of one VPC, if they are all its own.
    pub(super) fn vpc_tables(&self) -> Result<VpcTables, Error> {
        let endpoints = self.endpoints.iter().map(|(key, record)| {
            let EndpointRecord { port, policy, routes, nat, mac, of_host, .. } = *record;
            let endpoint = Endpoint {
                port: PortId(port),
                mac: Mac(mac),
                policy: PolicyId(policy),
                routes: RouteTableId(routes),
                nat: (nat != 0).then_some(NatId(nat)),
                of_host: of_host != 0,
            };
            (key.address.into(), endpoint)
        });
        let classes = self.classes.iter().map(|(key, class)| {
            let prefix = prefix(key.address, key.length.checked_sub(CLASS_KEY_BITS)?)?;
            Some((prefix, ClassId(*class)))
        });
        let routes = self.routes.iter().map(|(key, record)| {
            let prefix = prefix(key.address, key.length.checked_sub(ROUTE_KEY_BITS)?)?;
            Some(((RouteTableId(key.table), prefix), route(record)?))
        });
        Ok(VpcTables {
            endpoints: endpoints.collect(),
            classes: classes.collect::<Option<_>>().ok_or_else(|| damaged("classes"))?,
            routes: routes.collect::<Option<_>>().ok_or_else(|| damaged("routes"))?,
            rules: self.rules.keys().map(rule).collect::<Option<_>>().ok_or_else(|| damaged("rules"))?,
            forwards: self.forwards(),
        })
    }

    /// What these say of the outside, if they are all its own.
    pub(super) fn outside(&self) -> Outside {
        Outside {
            uplinks: (self.uplinks.iter())
                .map(|(key, record)| {
                    let UplinkRecord { next_hop, mac, mtu } = *record;
                    (UplinkId(key.number), Uplink { mac: Mac(mac), next_hop: next_hop.into(), mtu })
                })
                .collect(),
            addresses: self.addresses.iter().map(|(key, id)| (key.address.into(), UplinkId(*id))).collect(),
            nats: (self.nats.iter())
                .map(|(key, record)| {
                    let NatRecord { address, first_port, last_port } = *record;
                    (NatId(key.number), Nat { address: address.into(), first_port, last_port })
                })
                .collect(),
            forwards: self.forwards(),
        }
    }

    fn forwards(&self) -> BTreeMap<ForwardKey, Forward> {
        let forward = |(key, record): (&ForwardKeyRecord, &ForwardRecord)| {
            let ForwardKeyRecord { address, protocol, port, .. } = *key;
            let to =
                Forward { vpc: VpcId(record.vpc), address: record.address.into(), port: record.port.get() };
            (ForwardKey { address: address.into(), protocol, port: port.get() }, to)
        };
        self.forwards.iter().map(forward).collect()
    }
}

fn route(record: &RouteRecord) -> Option<Route> {
    match record.kind {
        ROUTE_LOCAL => Some(Route::Local),
        ROUTE_INTERNET => Some(Route::Internet),
        ROUTE_NAT => Some(Route::Nat(NatId(record.nat))),
        ROUTE_BLACKHOLE => Some(Route::Blackhole),
        _ => None,
    }
}

fn rule(key: &RuleKey) -> Option<Rule> {
    Some(Rule {
        policy: PolicyId(key.policy),
        direction: if key.direction == INGRESS { Direction::Ingress } else { Direction::Egress },
        class: ClassId(key.class),
        protocol: (key.protocol != 0).then_some(key.protocol),
        ports: PortPrefix::new(key.port.get(), u8::try_from(key.length.checked_sub(RULE_KEY_BITS)?).ok()?)?,
    })
}
