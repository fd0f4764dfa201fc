/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What is the same from both hooks: a flow is known or decided, then the packet leaves. The twin of `forward` in
 * crates/pure/datapath/src/pipeline.rs.
 */
#pragma once

#include "packet.h"
#include "stages/conntrack.h"
#include "decide.h"
#include "stages/deliver.h"
#include "stages/refuse.h"
#include "stages/snat.h"

/* What a packet's way out is looked up by. */
struct leaving {
	__u32 vpc;
	__u32 generation;
	__be32 source;
	__be32 destination;
};

/* The way of a known flow's packet; 0 or a drop reason. */
static __always_inline int follow(struct flow *flow, const struct packet *packet, struct leaving *leaving)
{
	__u32 inside = packet->generation, outside = 0;
	__u32 there = packet->key.vpc == flow->vpc ? inside : generation_of(flow->vpc, packet->epoch);

	leaving->vpc = flow->vpc;
	leaving->generation = there;
	leaving->source = v4(&flow->src);
	leaving->destination = v4(&flow->dst);
	if (is_border(packet->key.vpc)) {
		outside = inside;
		inside = there;
	} else if (is_border(flow->vpc)) {
		outside = there;
	} else if (flow->outside_generation) {
		/* Between instances, by a public address. */
		outside = generation_of(OUTSIDE, packet->epoch);
		if (packet->key.vpc != flow->vpc)
			inside += there;
	}
	return may_go_on(flow, packet, inside, outside);
}

/* The way of a packet that would open a flow; 0 or a drop reason. */
static __noinline int decide(const struct packet *packet, struct path *path, struct leaving *leaving)
{
	int refused;

	/* Never true; it tells the verifier that these are no null pointers. */
	if (!packet || !path || !leaving)
		return DROP_KERNEL_REFUSED;
	refused = may_open(packet);
	if (refused)
		return refused;
	if (packet->key.vpc == OUTSIDE)
		refused = decide_inbound(&packet->key, packet->epoch, path);
	else
		refused = decide_outbound(&packet->key, packet->epoch, path);
	leaving->source = v4(&path->source);
	leaving->destination = v4(&path->target);
	leaving->vpc = path->vpc;
	leaving->generation =
		path->vpc == packet->key.vpc ? packet->generation : generation_of(path->vpc, packet->epoch);
	return refused;
}

/* Whether and where the packet leaves; 0 or a drop reason. */
static __always_inline int find_exit(const struct leaving *leaving, const struct packet *packet, struct exit *exit)
{
	if (packet->routed && packet->ttl <= 1)
		return DROP_TTL_EXCEEDED;
	if (leaving->vpc == OUTSIDE)
		return exit_to_uplink(exit, leaving->generation, leaving->source);
	return exit_to_instance(exit, leaving->vpc, leaving->generation, leaving->destination);
}

/* Who tells the sender of a packet that it is dropped: not asked for an ICMP error. */
static __always_inline __be32 teller_of(const struct packet *packet, const struct port *port)
{
	return port ? v4(&port->gateway) : v4(&packet->key.dst);
}

/* From where an ICMP error comes, as its receiver sees it: from this address, if it comes from the end of its flow. */
static __always_inline __be32 teller_outside(const struct packet *packet, __be32 end)
{
	const struct quoted *quoted = quoted_of();

	return !quoted || quoted->teller == v4(&packet->key.src) ? end : quoted->teller;
}

static __always_inline int is_near(const struct port *port, __be32 address)
{
	return in_subnet_v4(address, &port->subnet, port->subnet_length);
}

/* `port`: where it came in; none if at an uplink. */
static __always_inline int forward(struct __sk_buff *skb, struct packet *packet, const struct port *port)
{
	struct leaving leaving = {};
	struct exit exit = {};
	struct path *path = NULL;
	struct flow *flow;
	int known, refused;

	if (packet->error) {
		refused = relate(packet);
		if (refused)
			return drop(skb, refused);
	}
	flow = known_flow(packet);
	known = flow != NULL;
	if (packet->error && !known)
		return drop(skb, DROP_ICMP_UNRELATED);
	if (!known) {
		path = new_path(&packet->key);
		if (!path)
			return drop(skb, DROP_KERNEL_REFUSED);
	}
	refused = known ? follow(flow, packet, &leaving) : decide(packet, path, &leaving);
	if (refused)
		return refuse(skb, packet, teller_of(packet, port), refused, 0);
	/* An error may come from a router on the way, whose address means the same to everybody. */
	if (packet->error)
		leaving.source = teller_outside(packet, leaving.source);
	packet->routed = !port || leaving.vpc == OUTSIDE || !is_near(port, leaving.destination) ||
			 !is_near(port, v4(&packet->key.dst));
	refused = find_exit(&leaving, packet, &exit);
	if (!refused && exit.mtu && is_larger(skb, exit.mtu))
		refused = DROP_TOO_LARGE;
	if (refused)
		return refuse(skb, packet, teller_of(packet, port), refused, exit.mtu);
	if (packet->error) {
		if (!flow)
			return drop(skb, DROP_KERNEL_REFUSED);
		refused = rewrite_error(skb, packet, flow, &exit, leaving.source);
		return refused ? drop(skb, refused) : leave(skb, leaving.vpc, &exit);
	}
	if (flow) {
		touch(flow, packet);
	} else {
		refused = open_flow(packet, path);
		if (refused)
			return drop(skb, refused);
		flow = bpf_map_lookup_elem(&flows, &packet->key);
		if (!flow)
			return drop(skb, DROP_KERNEL_REFUSED);
	}
	refused = rewrite(skb, packet, flow, &exit);
	if (refused)
		return drop(skb, refused);
	return leave(skb, leaving.vpc, &exit);
}
