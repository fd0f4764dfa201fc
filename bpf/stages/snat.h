/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What source the other side sees, and the flow's two entries. The twin of crates/pure/datapath/src/stages/snat.rs,
 * which says in what order ports are tried, and of `open` in conntrack.rs there.
 */
#pragma once

#include "../packet.h"
#include "conntrack.h"

/* The source ports that a new flow may be seen with: the wanted one, then others. */
struct candidates {
	__u32 first;
	__u32 count;
	__u32 tries;
	__u8 wanted;
};

static __always_inline struct candidates candidates_of(const struct packet *packet, const struct path *path)
{
	struct candidates within = { .wanted = 1 };
	struct candidates shown = {
		.first = SHOWN_PORT_FIRST,
		.count = 65536 - SHOWN_PORT_FIRST,
		.tries = PORT_TRIES,
		.wanted = 1,
	};
	struct candidates nat = {
		.first = path->first_port,
		.count = path->last_port + 1 - path->first_port,
		.tries = PORT_TRIES,
		.wanted = nat_gives(path, packet->key.protocol, packet->key.src_port),
	};

	if (path->shown == SHOWN_AS_FREE)
		return shown;
	if (path->shown != SHOWN_BY_NAT)
		return within;
	if (path->last_port < path->first_port || !has_ports(packet->key.protocol))
		nat.tries = nat.count = 0;
	return nat;
}

/* What the first packet looks like as it leaves, but for its source port. */
static __always_inline void translate(struct flow *entry, const struct path *path)
{
	entry->src = path->source;
	entry->dst = path->target;
	entry->dst_port = path->target_port;
	entry->vpc = path->vpc;
}

/* The reply entry, made of the original one. */
static __always_inline void reverse(struct flow *entry, const struct packet *packet)
{
	const struct flow_key *key = &packet->key;

	entry->src = key->dst;
	entry->dst = key->src;
	entry->src_port = key->dst_port;
	entry->dst_port = key->src_port;
	entry->vpc = key->vpc;
	entry->way = WAY_REPLY;
	entry->packets = 0;
	entry->bytes = 0;
}

static __always_inline void original(struct flow *entry, const struct packet *packet, const struct path *path)
{
	translate(entry, path);
	entry->way = WAY_ORIGINAL;
	entry->packets = 1;
	entry->bytes = packet->length;
}

/* A closing flow of the same tuple makes room for the one that its packet opens. */
static __noinline int forget_closing(const struct packet *packet)
{
	const struct flow *old = bpf_map_lookup_elem(&flows, &packet->key);
	struct flow_key peer;

	if (!old || packet->now >= old->deadline || !is_closing(old->state))
		return 0;
	peer_key(&peer, old, packet->key.protocol);
	bpf_map_delete_elem(&flows, &packet->key);
	bpf_map_delete_elem(&flows, &peer);
	return 0;
}

/* Another flow has the port. */
#define TAKEN -1

/* Whether an instance that reaches itself by a public address would be its own other end. */
static __always_inline int same_key(const struct flow_key *one, const struct flow_key *other)
{
	return one->vpc == other->vpc && v4(&one->src) == v4(&other->src) && v4(&one->dst) == v4(&other->dst) &&
	       one->src_port == other->src_port && one->dst_port == other->dst_port;
}

/* Writes both entries for this source port: 0, TAKEN or a drop reason. */
static __noinline int open_with(const struct packet *packet, const struct path *path, struct flow *entry, __be16 port)
{
	struct flow_key peer;
	int error;

	/* Never true; it tells the verifier that these are no null pointers. */
	if (!packet || !path || !entry)
		return DROP_KERNEL_REFUSED;
	translate(entry, path);
	entry->src_port = port;
	peer_key(&peer, entry, packet->key.protocol);
	if (same_key(&peer, &packet->key))
		return TAKEN;

	reverse(entry, packet);
	error = put(&peer, entry, &packet->key, packet->now);
	if (error)
		return error == -EEXIST ? TAKEN : DROP_FLOW_TABLE_FULL;

	original(entry, packet, path);
	entry->src_port = port;
	error = put(&packet->key, entry, &peer, packet->now);
	if (!error)
		return 0;
	bpf_map_delete_elem(&flows, &peer);
	/* Another processor was faster: no other port would help. */
	return error == -EEXIST ? DROP_TUPLE_IN_USE : DROP_FLOW_TABLE_FULL;
}

/* Whom a flow would be counted for. */
static __always_inline void opened_for(struct usage_key *owner, const struct packet *packet, const struct path *path)
{
	int from_outside = packet->key.vpc == OUTSIDE;

	owner->vpc = from_outside ? path->vpc : packet->key.vpc;
	owner->kind = from_outside ? USAGE_IN : path->vpc == SERVICES ? USAGE_SERVICE : USAGE_OUT;
	owner->address = from_outside ? path->target : packet->key.src;
}

/* Opens the flow: 0 or a drop reason. */
static __noinline int open_flow(const struct packet *packet, const struct path *path)
{
	struct candidates candidates;
	struct usage_key owner = {};
	struct flow entry = {};
	__u32 random, step, i;
	int refused;

	if (!packet || !path)
		return DROP_KERNEL_REFUSED;
	opened_for(&owner, packet, path);
	refused = within_quota(&owner, packet->key.protocol);
	if (refused)
		return refused;
	candidates = candidates_of(packet, path);
	entry.generation = path->generation;
	entry.outside_generation = path->outside_generation;
	entry.state = STATE_SYN_ORIGINAL | (path->vpc == SERVICES ? STATE_SERVICE : 0);
	entry.deadline = packet->now + timeout_of(entry.state, packet->key.protocol);

	if (packet->key.protocol == IPPROTO_TCP)
		forget_closing(packet);
	if (candidates.wanted) {
		refused = open_with(packet, path, &entry, packet->key.src_port);
		if (refused != TAKEN)
			goto opened;
	}
	random = random_number(packet);
	step = random >> 16 | 1;
	for (i = 0; i < PORT_TRIES; i++) {
		__u32 port;

		if (i >= candidates.tries)
			break;
		port = candidates.first + (random + i * step) % candidates.count;
		refused = open_with(packet, path, &entry, bpf_htons(port));
		if (refused != TAKEN)
			goto opened;
	}
	return path->shown == SHOWN_BY_NAT ? DROP_NAT_PORTS_EXHAUSTED : DROP_TUPLE_IN_USE;
opened:
	if (!refused)
		count_opened(&owner, packet->key.protocol);
	return refused;
}
