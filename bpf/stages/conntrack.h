/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Whether a packet belongs to a known flow, and what it does to that. The twin of
 * crates/pure/datapath/src/stages/conntrack.rs and of flow.rs there.
 */
#pragma once

#include "../packet.h"
#include "../decide.h"
#include "../quota.h"

/* Of the kernel's error numbers, the one that says that a key is there. */
#define EEXIST 17

static __always_inline int is_closing(__u32 state)
{
	return state & (STATE_FIN_ORIGINAL | STATE_FIN_REPLY | STATE_RST);
}

static __always_inline int opens(__u8 flags)
{
	return (flags & (TCP_SYN | TCP_ACK | TCP_FIN | TCP_RST)) == TCP_SYN;
}

static __always_inline __u64 timeout_of(__u32 state, __u8 protocol)
{
	const __u32 both_fins = STATE_FIN_ORIGINAL | STATE_FIN_REPLY;

	if (protocol == IPPROTO_ICMP)
		return ICMP_ECHO_NS;
	if (protocol != IPPROTO_TCP && state & STATE_SERVICE)
		return UDP_SERVICE_NS;
	if (protocol != IPPROTO_TCP)
		return state & STATE_SYN_REPLY ? UDP_BOTH_WAYS_NS : UDP_ONE_WAY_NS;
	if (state & STATE_RST || (state & both_fins) == both_fins)
		return TCP_CLOSED_NS;
	if (is_closing(state))
		return TCP_CLOSING_NS;
	return state & STATE_ACK_ORIGINAL ? TCP_ESTABLISHED_NS : TCP_HALF_OPEN_NS;
}

static __always_inline __u32 state_after(__u32 state, __u32 way, const struct packet *packet)
{
	__u8 flags = packet->flags;

	if (packet->key.protocol != IPPROTO_TCP)
		return way == WAY_REPLY ? state | STATE_SYN_REPLY : state;
	if (flags & TCP_RST)
		state |= STATE_RST;
	if (way == WAY_REPLY) {
		if (flags & TCP_SYN)
			state |= STATE_SYN_REPLY;
		if (flags & TCP_FIN)
			state |= STATE_FIN_REPLY;
	} else {
		if (flags & TCP_ACK && !(flags & TCP_SYN) && state & STATE_SYN_REPLY)
			state |= STATE_ACK_ORIGINAL;
		if (flags & TCP_FIN)
			state |= STATE_FIN_ORIGINAL;
	}
	return state;
}

/* The key of an entry's other way. */
static __always_inline void peer_key(struct flow_key *peer, const struct flow *flow, __u8 protocol)
{
	*peer = (struct flow_key){
		.vpc = flow->vpc,
		.protocol = protocol,
		.src_port = flow->dst_port,
		.dst_port = flow->src_port,
		.src = flow->dst,
		.dst = flow->src,
	};
}

static __always_inline struct flow *peer_of(const struct flow *flow, __u8 protocol)
{
	struct flow_key key;

	peer_key(&key, flow, protocol);
	return bpf_map_lookup_elem(&flows, &key);
}

/*
 * Tells both entries of new state and of the deadline. Of packets on two processors that both end its being half open, the
 * one that tells the original entry first counts it out.
 */
static __noinline int renew(const struct flow_key *key, struct flow *flow, __u32 bits, __u64 deadline)
{
	struct flow *peer, *original = flow;
	__u32 before;

	/* Never true; it tells the verifier that these are no null pointers. */
	if (!key || !flow)
		return 0;
	peer = peer_of(flow, key->protocol);
	flow->deadline = deadline;
	if (peer)
		peer->deadline = deadline;
	if (!bits)
		return 0;
	if (flow->way == WAY_REPLY && peer) {
		__sync_fetch_and_or(&flow->state, bits);
		original = peer;
	} else if (peer) {
		__sync_fetch_and_or(&peer->state, bits);
	}
	before = __sync_fetch_and_or(&original->state, bits);
	if (is_half_open(key->protocol, before) && !is_half_open(key->protocol, before | bits))
		count_whole(key, flow);
	return 0;
}

/* Counts a packet of a known flow. A usual one touches only its own entry. */
static __always_inline void touch(struct flow *flow, const struct packet *packet)
{
	__u32 before = flow->state;
	__u32 after = state_after(before, flow->way, packet);
	__u64 timeout = timeout_of(after, packet->key.protocol);
	__u64 deadline = packet->now + timeout;
	__u64 present = flow->deadline;

	if (after != before || (deadline > present && deadline - present > timeout / REFRESH_DIVISOR))
		renew(&packet->key, flow, after & ~before, deadline);
	__sync_fetch_and_add(&flow->packets, 1);
	__sync_fetch_and_add(&flow->bytes, packet->length);
}

/* Whether the NAT gateway gives this source port to flows of the protocol. */
static __always_inline int nat_gives(const struct path *path, __u8 protocol, __be16 source)
{
	__u16 port = bpf_ntohs(source);

	return !has_ports(protocol) || (port >= path->first_port && port <= path->last_port);
}

/* Whether what has been decided about the packet that opened a flow is what becomes of it, as its answers show. */
static __always_inline int same_path(const struct path *path, const struct flow_key *answer)
{
	if (path->vpc != answer->vpc || v4(&path->source) != v4(&answer->dst) ||
	    v4(&path->target) != v4(&answer->src) || path->target_port != answer->src_port)
		return 0;
	return path->shown != SHOWN_BY_NAT || nat_gives(path, answer->protocol, answer->dst_port);
}

/*
 * Decides a flow again, since tables have changed: 0, and both entries have the new generations, or the reason for
 * which it is cut, and both are gone.
 */
static __noinline int recheck(const struct flow_key *key, struct flow *flow, __u32 epoch)
{
	const struct flow_key *original = key, *answer;
	struct flow_key other;
	struct path *path;
	struct flow *peer;
	int reason;

	/* Never true. */
	if (!key || !flow)
		return DROP_KERNEL_REFUSED;
	peer_key(&other, flow, key->protocol);
	answer = &other;
	if (flow->way == WAY_REPLY) {
		original = &other;
		answer = key;
	}
	path = new_path(original);
	if (!path)
		return DROP_KERNEL_REFUSED;
	if (original->vpc == OUTSIDE)
		reason = decide_inbound(original, epoch, path);
	else
		reason = decide_outbound(original, epoch, path);
	if (!reason && !same_path(path, answer))
		reason = DROP_PATH_CHANGED;
	if (reason) {
		bpf_map_delete_elem(&flows, &other);
		bpf_map_delete_elem(&flows, key);
		return reason;
	}
	flow->generation = path->generation;
	flow->outside_generation = path->outside_generation;
	peer = bpf_map_lookup_elem(&flows, &other);
	if (peer) {
		peer->generation = path->generation;
		peer->outside_generation = path->outside_generation;
	}
	return 0;
}

/* Whether the packet may open a flow: 0 or a drop reason. */
static __always_inline int may_open(const struct packet *packet)
{
	if (packet->key.protocol == IPPROTO_TCP && !opens(packet->flags))
		return DROP_NOT_SYN;
	return packet->echo_reply ? DROP_NO_ECHO_REQUEST : 0;
}

/*
 * Relates an ICMP error to the flow of the packet that it is about: its key becomes that of what would answer that packet.
 * The error must be to who sent that; from a port, also from who got it, as an instance is no router. 0 or a drop reason.
 */
static __noinline int relate(struct packet *packet)
{
	struct quoted *quoted = quoted_of();

	/* Never true. */
	if (!packet || !quoted)
		return DROP_KERNEL_REFUSED;
	quoted->teller = v4(&packet->key.src);
	if (v4(&packet->key.dst) != quoted->src || (packet->key.vpc != OUTSIDE && quoted->teller != quoted->dst))
		return DROP_ICMP_UNRELATED;
	packet->key.protocol = quoted->protocol;
	packet->key.src_port = quoted->dst_port;
	packet->key.dst_port = quoted->src_port;
	map_v4(&packet->key.src, quoted->dst);
	map_v4(&packet->key.dst, quoted->src);
	packet->echo_reply = quoted->echo_request;
	return 0;
}

/* The live entry of the packet's flow. One that closes does not count for a packet that opens: it is to be replaced. */
static __always_inline struct flow *known_flow(const struct packet *packet)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &packet->key);

	if (!flow || packet->now >= flow->deadline)
		return NULL;
	if (packet->key.protocol == IPPROTO_TCP && opens(packet->flags) && is_closing(flow->state))
		return NULL;
	return flow;
}

/*
 * Whether an entry's other way should have this key. If that is found to be absent, the entry is half of a flow, which a
 * race has left behind, and in nobody's way.
 */
static __always_inline int is_half_of(const struct flow *entry, const struct flow_key *other)
{
	return entry->vpc == other->vpc && v4(&entry->src) == v4(&other->dst) && v4(&entry->dst) == v4(&other->src) &&
	       entry->src_port == other->dst_port && entry->dst_port == other->src_port;
}

/*
 * Puts an entry where no live one is: 0, or how the kernel refuses it. That is an int: before Linux 6.4 the upper half
 * of what the call returns is not its sign.
 */
static __always_inline int put(const struct flow_key *key, const struct flow *entry, const struct flow_key *other,
			       __u64 now)
{
	int error = bpf_map_update_elem(&flows, key, entry, BPF_NOEXIST);
	const struct flow *old;

	if (error != -EEXIST)
		return error;
	old = bpf_map_lookup_elem(&flows, key);
	if (old && now < old->deadline && !is_half_of(old, other))
		return error;
	bpf_map_delete_elem(&flows, key);
	return bpf_map_update_elem(&flows, key, entry, BPF_NOEXIST);
}

/*
 * Whether the flow may go on: 0 or a drop reason. `inside` is the generation of the instances' VPC; `outside` that of
 * what lies outside, 0 for a flow that has nothing to do with that.
 */
static __always_inline int may_go_on(struct flow *flow, const struct packet *packet, __u32 inside, __u32 outside)
{
	/* With the identifier 0x0800, requests and replies have the same ports. */
	if (packet->key.protocol == IPPROTO_ICMP && packet->echo_reply != (flow->way == WAY_REPLY))
		return DROP_NO_ECHO_REQUEST;
	if (flow->generation == inside && flow->outside_generation == outside)
		return 0;
	return recheck(&packet->key, flow, packet->epoch);
}
