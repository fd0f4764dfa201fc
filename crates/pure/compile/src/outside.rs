//! What stands at the uplinks: the addresses that are in use, NAT gateways, forwarded ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use madang_datapath::{Entry, Forward, ForwardKey, Nat, NatId};
use madang_model::{ForwardProtocol, Kind, Model};

use crate::network::{Instance, Network};
use crate::origin::Origin;
use crate::traffic::{TCP, UDP};

/// The lowest port that source NAT takes: those below are for servers (RFC 6056, section 3.2).
const FIRST_NAT_PORT: u16 = 1024;

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
                let nat = Nat { address, first_port: FIRST_NAT_PORT, last_port: u16::MAX };
                self.nats.insert(nats[name], nat);
                self.origins.insert(Entry::Nat(nats[name]), vec![Origin::new(Kind::NatGateway, name, "")]);
                self.add_address(model, address, &gateway.spec.pool, (Kind::NatGateway, name));
            }
        }
        let by_name: BTreeMap<_, _> = self.instances.values().map(|i| (i.name.clone(), i.clone())).collect();
        for (name, public) in model.public_addresses() {
            if let Some(address) = public.status.address {
                self.add_address(model, address, &public.spec.pool, (Kind::PublicAddress, name));
                self.add_forwards(name, address, &public.spec.forwards, &by_name);
            }
        }
    }

    fn add_address(&mut self, model: &Model, address: IpAddr, pool: &str, (kind, holder): (Kind, &str)) {
        if let Some(object) = model.address_pools().get(pool) {
            let entry = object.spec.addresses.iter().position(|entry| entry.0.contains(address));
            let path = entry.map_or_else(|| "spec.addresses".to_owned(), |n| format!("spec.addresses[{n}]"));
            let because = vec![Origin::new(kind, holder, ""), Origin::new(Kind::AddressPool, pool, path)];
            self.addresses.insert(address, object.spec.interface.clone());
            self.origins.insert(Entry::Address(address), because);
        }
    }

    fn add_forwards(
        &mut self,
        name: &str,
        address: IpAddr,
        forwards: &[madang_model::Forward],
        instances: &BTreeMap<String, Instance>,
    ) {
        for (n, forward) in forwards.iter().enumerate() {
            let protocol = match forward.protocol {
                ForwardProtocol::Tcp => TCP,
                ForwardProtocol::Udp => UDP,
            };
            // One that is being deleted, or is wrong, is in no model: its forwards end before it does.
            if let Some(instance) = instances.get(&forward.instance) {
                let key = ForwardKey { address, protocol, port: forward.port };
                let port = forward.target_port.unwrap_or(forward.port);
                self.forwards.insert(key, Forward { vpc: instance.vpc, address: instance.address, port });
                let at = Origin::new(Kind::PublicAddress, name, format!("spec.forwards[{n}]"));
                self.origins.insert(Entry::Forward(key), vec![at]);
            }
        }
    }
}
