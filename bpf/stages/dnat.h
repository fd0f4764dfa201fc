/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Whether a destination stands for another one. The twin of crates/pure/datapath/src/stages/dnat.rs. */
#pragma once

#include "../packet.h"

/* Where the public port leads, if it is forwarded. */
static __always_inline const struct forward *forward_of(const struct flow_key *flow, __u32 generation)
{
	struct forward_key key = {
		.vpc = OUTSIDE,
		.generation = generation,
		.address = flow->dst,
		.port = flow->dst_port,
		.protocol = flow->protocol,
	};

	if (flow->protocol == IPPROTO_ICMP)
		return NULL;
	return bpf_map_lookup_elem(&forwards, &key);
}
