/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * How many flows an instance and a VPC may have, so that nobody takes the whole table. The twin of
 * crates/pure/datapath/src/flow/usage.rs, which says what is counted when.
 */
#pragma once

#include "packet.h"

/* Whether its handshake is not over, and it is not closing. */
static __always_inline int is_half_open(__u8 protocol, __u32 state)
{
	const __u32 over = STATE_ACK_ORIGINAL | STATE_FIN_ORIGINAL | STATE_FIN_REPLY | STATE_RST;

	return protocol == IPPROTO_TCP && !(state & over);
}

/* Who the flow is counted for: the instance that opens it, or to which it is opened from outside. */
static __always_inline void owner_of(struct usage_key *owner, const struct flow_key *key, const struct flow *flow)
{
	__u32 opener = flow->way == WAY_ORIGINAL ? key->vpc : flow->vpc;
	int of_key = (flow->way == WAY_ORIGINAL) == (opener != OUTSIDE);

	owner->vpc = of_key ? key->vpc : flow->vpc;
	owner->kind = opener == OUTSIDE ? USAGE_IN : flow->state & STATE_SERVICE ? USAGE_SERVICE : USAGE_OUT;
	owner->address = of_key ? key->src : flow->dst;
}

/* A VPC's flows are counted under no address. */
static __always_inline void to_vpc(struct usage_key *owner)
{
	owner->address = (union addr){};
}

/* What ends being half open during a walk may make it less than none until the next one. */
static __always_inline int is_full(const struct usage_key *owner, __u8 protocol, __u32 most, __u32 most_half_open)
{
	__u32 shift = owner->kind == USAGE_SERVICE ? SERVICE_QUOTA_SHIFT : 0;
	const struct usage *usage = bpf_map_lookup_elem(&usages, owner);

	if (!usage)
		return 0;
	return usage->flows >= most >> shift ||
	       (protocol == IPPROTO_TCP && (__s32)usage->half_open >= (__s32)(most_half_open >> shift));
}

/* Whether there may be another flow: 0 or a drop reason. */
static __always_inline int within_quota(struct usage_key *owner, __u8 protocol)
{
	union addr address = owner->address;
	int full;

	if (is_full(owner, protocol, most_flows_of_instance, most_half_open_of_instance))
		return DROP_INSTANCE_QUOTA;
	to_vpc(owner);
	full = is_full(owner, protocol, most_flows_of_vpc, most_half_open_of_vpc);
	owner->address = address;
	return full ? DROP_VPC_QUOTA : 0;
}

static __always_inline void count(const struct usage_key *owner, __u32 half_open)
{
	struct usage none = {}, *usage = bpf_map_lookup_elem(&usages, owner);

	if (!usage) {
		bpf_map_update_elem(&usages, owner, &none, BPF_NOEXIST);
		usage = bpf_map_lookup_elem(&usages, owner);
	}
	if (!usage)
		return;
	__sync_fetch_and_add(&usage->flows, 1);
	__sync_fetch_and_add(&usage->half_open, half_open);
}

/* Counts a flow that is opened. */
static __always_inline void count_opened(struct usage_key *owner, __u8 protocol)
{
	__u32 half_open = protocol == IPPROTO_TCP;

	count(owner, half_open);
	to_vpc(owner);
	count(owner, half_open);
}

static __always_inline void uncount_half(const struct usage_key *owner)
{
	struct usage *usage = bpf_map_lookup_elem(&usages, owner);

	if (usage)
		__sync_fetch_and_add(&usage->half_open, -1);
}

/* Takes note that a flow is half open no more. */
static __noinline int count_whole(const struct flow_key *key, const struct flow *flow)
{
	struct usage_key owner;

	if (!key || !flow)
		return 0;
	owner_of(&owner, key, flow);
	uncount_half(&owner);
	to_vpc(&owner);
	uncount_half(&owner);
	return 0;
}
