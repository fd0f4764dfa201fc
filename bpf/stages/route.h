/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Where a destination is. The twin of crates/pure/datapath/src/stages/route.rs. */
#pragma once

#include "../packet.h"

/* What has been decided about a flow's first packet. */
struct path {
	/* Where its packets go: OUTSIDE, SERVICES or a VPC. */
	__u32 vpc;
	/* The generations that it was decided by: the instances' VPC's, and that of OUTSIDE or SERVICES if one end is there,
	 * or 0. */
	__u32 generation;
	__u32 outside_generation;
	/* To an instance: its port and Ethernet address. */
	__u32 port;
	__u8 mac[6];
	/* What the forward's target is, or what the source becomes; first and last port of that. */
	__be16 target_port;
	union addr address;
	__u16 first_port;
	__u16 last_port;
	/* As what a service sees the source. */
	__be32 seen;
};

/* Beside the packet, since the stack is small. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path);
} path_now SEC(".maps");

/* An empty one, for this packet. */
static __always_inline struct path *new_path(void)
{
	__u32 zero = 0;
	struct path *path = bpf_map_lookup_elem(&path_now, &zero);

	if (path)
		*path = (struct path){};
	return path;
}

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
	path->address = forward->address;
	path->target_port = forward->port;
	path->seen = bpf_htonl(SEEN_NETWORK | (sender->port & ~SEEN_NETWORK));
	receiver = endpoint_of(path->vpc, path->outside_generation, &path->address);
	if (!receiver)
		return DROP_NO_INSTANCE;
	leads_to(path, receiver);
	return 0;
}

/* Through a NAT gateway; 0 or a drop reason. */
static __always_inline int route_nat(__u32 number, const struct flow_key *flow, __u32 epoch, struct path *path)
{
	struct number_key key = { .vpc = OUTSIDE, .generation = generation_of(OUTSIDE, epoch), .number = number };
	const struct nat *nat = bpf_map_lookup_elem(&nats, &key);

	if (!nat)
		return DROP_NAT_GONE;
	/* Its answer would come from an uplink, with a source that is martian there. */
	if (uplink_of(key.generation, v4(&flow->dst)))
		return DROP_HAIRPIN;
	path->vpc = OUTSIDE;
	path->outside_generation = key.generation;
	path->address = nat->address;
	path->first_port = nat->first_port;
	path->last_port = nat->last_port;
	return 0;
}
