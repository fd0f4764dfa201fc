/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What is decided about a flow, which the stages fill in. */
#pragma once

#include "packet.h"

/* Whose rules are asked, which way, and about whom. */
struct question {
	__u32 vpc;
	__u32 generation;
	__u32 policy;
	__u8 direction;
	__u8 protocol;
	__be16 port;
	union addr peer;
};

/* What has been decided about a flow's first packet. */
struct path {
	/* Where its packets go: OUTSIDE, SERVICES or a VPC. */
	__u32 vpc;
	/* The generations that it was decided by: the instances' VPC's (the sum, if they are of two), and that of OUTSIDE or
	 * SERVICES if it has to do with these, or 0. */
	__u32 generation;
	__u32 outside_generation;
	/* To an instance: its port and Ethernet address. */
	__u32 port;
	__u8 mac[6];
	/* What its destination becomes, and what its source does. */
	__be16 target_port;
	union addr target;
	union addr source;
	/* How the source's port is chosen: SHOWN_. By a NAT: one of these ports. */
	__u32 shown;
	__u16 first_port;
	__u16 last_port;
	/* What rules are asked meanwhile. */
	struct question question;
};

enum shown {
	/* It stays. */
	SHOWN_AS_IT_IS = 0,
	/* It stays, unless that is taken. */
	SHOWN_AS_FREE = 1,
	SHOWN_BY_NAT = 2,
};

/* Beside the packet, since the stack is small. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path);
} path_now SEC(".maps");

/* One for this flow, which changes nothing. */
static __always_inline struct path *new_path(const struct flow_key *flow)
{
	__u32 zero = 0;
	struct path *path = bpf_map_lookup_elem(&path_now, &zero);

	if (!path)
		return NULL;
	*path = (struct path){};
	path->vpc = flow->vpc;
	path->source = flow->src;
	path->target = flow->dst;
	path->target_port = flow->dst_port;
	return path;
}
