/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Whether a destination stands for another one. The twin of crates/pure/datapath/src/stages/dnat.rs. */
#pragma once

#include "../packet.h"
#include "route.h"

/* Where what is sent to this address and port of the VPC leads, if elsewhere: from outside never to services, from inside
 * only there. */
static __always_inline const struct forward *forward_at(__u32 vpc, __u32 generation, const union addr *address,
							__u8 protocol, __be16 port)
{
	struct forward_key key = {
		.vpc = vpc,
		.generation = generation,
		.address = *address,
		.port = port,
		.protocol = protocol,
	};
	const struct forward *forward = bpf_map_lookup_elem(&forwards, &key);

	return forward && (forward->vpc == SERVICES) == (vpc != OUTSIDE) ? forward : NULL;
}

/* The same for a flow that is to this VPC's addresses: an echo has no port. */
static __always_inline const struct forward *forward_of(const struct flow_key *flow, __u32 vpc, __u32 generation)
{
	if (flow->protocol == IPPROTO_ICMP)
		return NULL;
	return forward_at(vpc, generation, &flow->dst, flow->protocol, flow->dst_port);
}

/* Where a flow to a public address leads: by its port, or whatever is sent there. 0 or a drop reason. */
static __always_inline int find_target(const struct flow_key *flow, __u32 outside, struct path *path)
{
	const struct forward *forward = forward_of(flow, OUTSIDE, outside);

	if (forward) {
		path->target_port = forward->port;
	} else {
		forward = forward_at(OUTSIDE, outside, &flow->dst, 0, 0);
		if (!forward)
			return DROP_NO_FORWARD;
	}
	path->vpc = forward->vpc;
	path->target = forward->address;
	return 0;
}

/* Whether the address is one of those at which services are asked. */
static __always_inline int is_for_services(__be32 address)
{
	return (bpf_ntohl(address) & SERVICES_MASK) == SERVICES_NETWORK;
}

/* Whether the VPC asks a name service at this address. */
static __always_inline int is_name_service(__u32 vpc, __u32 generation, const union addr *address)
{
	return forward_at(vpc, generation, address, IPPROTO_UDP, bpf_htons(NAME_SERVICE_PORT)) != NULL;
}
