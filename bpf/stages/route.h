/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Where a destination is. The twin of crates/pure/datapath/src/stages/route.rs. */
#pragma once

#include "../packet.h"
#include "../path.h"

static __always_inline const struct endpoint *endpoint_of(__u32 vpc, __u32 generation, const union addr *address)
{
	struct address_key key = { .vpc = vpc, .generation = generation, .address = *address };

	return bpf_map_lookup_elem(&endpoints, &key);
}

static __always_inline const struct route *route_of(__u32 vpc, __u32 generation, __u32 table, const union addr *address)
{
	struct route_key key = {
		.length = ROUTE_KEY_BITS + 128,
		.vpc = vpc,
		.generation = generation,
		.table = table,
		.address = *address,
	};

	return bpf_map_lookup_elem(&routes, &key);
}

static __always_inline void leads_to(struct path *path, const struct endpoint *receiver)
{
	path->port = receiver->port;
	copy_mac(path->mac, receiver->mac);
}

/* The index of the uplink where a pool has the address, if one has. */
static __always_inline const __u32 *uplink_of(__u32 outside, __be32 address)
{
	struct address_key key = { .vpc = OUTSIDE, .generation = outside };

	map_v4(&key.address, address);
	return bpf_map_lookup_elem(&addresses, &key);
}

/* To a service; 0 or a drop reason. */
static __always_inline int route_service(const struct forward *forward, const struct endpoint *sender, __u32 epoch,
					 struct path *path)
{
	const struct endpoint *receiver;

	path->vpc = forward->vpc;
	path->outside_generation = generation_of(forward->vpc, epoch);
	path->target = forward->address;
	path->target_port = forward->port;
	path->shown = SHOWN_AS_FREE;
	map_v4(&path->source, bpf_htonl(SEEN_NETWORK | (sender->port & ~SEEN_NETWORK)));
	receiver = endpoint_of(path->vpc, path->outside_generation, &path->target);
	if (!receiver)
		return DROP_NO_INSTANCE;
	leads_to(path, receiver);
	return 0;
}

/* Through a NAT: of a gateway, or of the sender's own public address; 0 or a drop reason. */
static __always_inline int route_nat(__u32 number, __u32 epoch, struct path *path)
{
	struct number_key key = { .vpc = OUTSIDE, .generation = generation_of(OUTSIDE, epoch), .number = number };
	const struct nat *nat = bpf_map_lookup_elem(&nats, &key);

	if (!nat)
		return DROP_NAT_GONE;
	path->vpc = OUTSIDE;
	path->outside_generation = key.generation;
	path->source = nat->address;
	path->shown = SHOWN_BY_NAT;
	path->first_port = nat->first_port;
	path->last_port = nat->last_port;
	return 0;
}
