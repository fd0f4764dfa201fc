//! What stands at the uplinks: the addresses that are in use, NAT gateways, forwarded ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_datapath::{Entry, Forward, ForwardKey, Nat, NatId, VpcId};
use madang_model::{ForwardProtocol, Kind, Model};

use crate::network::{Instance, Network};
use crate::origin::Origin;
use crate::traffic::{TCP, UDP};

/// The lowest port that source NAT takes: those below are for servers (RFC 6056, section 3.2).
const FIRST_NAT_PORT: u16 = 1024;

/// Nobody's: where a forward leads whose instance is not there.
const UNSPECIFIED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// An interface that leads to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// The interface's name.
    pub interface: String,
    /// The router on it.
    pub next_hop: IpAddr,
    /// The pools whose addresses are reached through it.
    pub pools: Vec<String>,
}

/// The NAT gateways' numbers: in the order of their names, from 1.
pub(crate) fn nat_numbers(model: &Model) -> BTreeMap<String, NatId> {
    model.nat_gateways().keys().cloned().zip((1..).map(NatId)).collect()
}

/// The instance that a public address leads to.
struct Holder {
    uid: String,
    vpc: VpcId,
    address: IpAddr,
}

impl Network {
    pub(crate) fn add_outside(&mut self, model: &Model, nats: &BTreeMap<String, NatId>) {
        for (name, pool) in model.address_pools() {
            let spec = &pool.spec;
            let new =
                || Uplink { interface: spec.interface.clone(), next_hop: spec.next_hop, pools: Vec::new() };
            self.uplinks.entry(spec.interface.clone()).or_insert_with(new).pools.push(name.clone());
        }
        for (name, gateway) in model.nat_gateways() {
            if let Some(address) = gateway.status.address {
                let (first_port, last_port) = gateway
                    .spec
                    .ports
                    .map_or((FIRST_NAT_PORT, u16::MAX), |ports| (ports.first(), ports.last()));
                let nat = Nat { address, first_port, last_port };
                self.nats.insert(nats[name], nat);
                self.origins.insert(Entry::Nat(nats[name]), vec![Origin::new(Kind::NatGateway, name, "")]);
                self.add_address(model, address, &gateway.spec.pool, (Kind::NatGateway, name));
            }
        }
        let by_name =
            |i: &Instance| (i.name.clone(), Holder { uid: i.uid.clone(), vpc: i.vpc, address: i.address });
        let holders: BTreeMap<_, _> = self.instances.values().map(by_name).collect();
        let mut numbers = (1..).map(NatId).skip(nats.len());
        for (name, public) in model.public_addresses() {
            let number = public.spec.instance.as_ref().and_then(|_| numbers.next());
            if let Some(address) = public.status.address {
                self.add_address(model, address, &public.spec.pool, (Kind::PublicAddress, name));
                self.add_forwards(name, address, &public.spec.forwards, &holders);
                let holder = public.spec.instance.as_ref().and_then(|instance| holders.get(instance));
                if let Some((number, holder)) = number.zip(holder) {
                    self.add_whole(name, address, number, holder);
                }
            }
        }
    }

    fn add_address(&mut self, model: &Model, address: IpAddr, pool: &str, (kind, holder): (Kind, &str)) {
        if let Some(object) = model.address_pools().get(pool) {
            let entry = object.spec.addresses.iter().position(|entry| entry.0.contains(address));
            let path = entry.map_or_else(|| "spec.addresses".to_owned(), |n| format!("spec.addresses[{n}]"));
            let because = vec![Origin::new(kind, holder, ""), Origin::new(Kind::AddressPool, pool, path)];
            self.addresses.insert(address, object.spec.interface.clone());
            // A NAT gateway and forwarded ports may share it.
            self.origins.entry(Entry::Address(address)).or_default().extend(because);
        }
    }

    /// An instance has the address for itself.
    fn add_whole(&mut self, name: &str, address: IpAddr, number: NatId, holder: &Holder) {
        let because = || vec![Origin::new(Kind::PublicAddress, name, "spec.instance")];
        let key = ForwardKey::whole(address);
        self.forwards.insert(key, Forward { vpc: holder.vpc, address: holder.address, port: 0 });
        self.origins.insert(Entry::Forward(key), because());
        self.nats.insert(number, Nat { address, first_port: 1, last_port: u16::MAX });
        self.origins.insert(Entry::Nat(number), because());
        if let Some(instance) = self.instances.get_mut(&holder.uid) {
            instance.nat = Some(number);
        }
    }

    fn add_forwards(
        &mut self,
        name: &str,
        address: IpAddr,
        forwards: &[madang_model::Forward],
        instances: &BTreeMap<String, Holder>,
    ) {
        for (n, forward) in forwards.iter().enumerate() {
            let protocol = match forward.protocol {
                ForwardProtocol::Tcp => TCP,
                ForwardProtocol::Udp => UDP,
            };
            // One that is being deleted, or is wrong, is in no model: its forwards end before it does, and lead nowhere.
            let (vpc, to) = instances
                .get(&forward.instance)
                .map_or((VpcId::OUTSIDE, UNSPECIFIED), |instance| (instance.vpc, instance.address));
            let key = ForwardKey { address, protocol, port: forward.port };
            let port = forward.target_port.unwrap_or(forward.port);
            self.forwards.insert(key, Forward { vpc, address: to, port });
            let at = Origin::new(Kind::PublicAddress, name, format!("spec.forwards[{n}]"));
            self.origins.insert(Entry::Forward(key), vec![at]);
        }
    }
}
