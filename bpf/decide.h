/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The stages that decide about a flow, one after the other: for its first packet, and again when tables have changed.
 * The twin of `decide_outbound` and `decide_inbound` in crates/pure/datapath/src/pipeline.rs.
 */
#pragma once

#include "packet.h"
#include "stages/dnat.h"
#include "stages/policy.h"
#include "stages/route.h"

/*
 * Whether an instance takes what comes from elsewhere than its own VPC: 0 or a drop reason. Nobody there passes for someone
 * of the VPC.
 */
static __noinline int admit(const struct flow_key *flow, __u32 generation, struct path *path)
{
	const struct endpoint *receiver;

	/* Never true; it tells the verifier that these are no null pointers. */
	if (!flow || !path)
		return DROP_KERNEL_REFUSED;
	receiver = endpoint_of(path->vpc, generation, &path->target);
	if (!receiver)
		return DROP_NO_INSTANCE;
	if (route_of(path->vpc, generation, ROUTES_RANGES, &path->source))
		return DROP_MARTIAN;
	leads_to(path, receiver);
	path->question = (struct question){
		.vpc = path->vpc,
		.generation = generation,
		.policy = receiver->policy,
		.direction = INGRESS,
		.protocol = flow->protocol,
		.port = path->target_port,
		.peer = path->source,
	};
	return allowed(&path->question) ? 0 : DROP_INGRESS_DENIED;
}

/* What an instance sends out; to a public address here it comes back in. 0 or a drop reason. */
static __always_inline int decide_through(__u32 nat, const struct flow_key *flow, __u32 epoch, struct path *path)
{
	__u32 generation;
	int refused = route_nat(nat, epoch, path);

	if (refused || !uplink_of(path->outside_generation, v4(&flow->dst)))
		return refused;
	refused = find_target(flow, path->outside_generation, path);
	if (refused)
		return refused;
	generation = generation_of(path->vpc, epoch);
	if (path->vpc != flow->vpc)
		path->generation += generation;
	return admit(flow, generation, path);
}

/*
 * What an instance opens: dnat, then the way to a service, or egress policy, route, dnat if it is to a public address, and
 * ingress policy. 0 or a drop reason.
 */
static __noinline int decide_outbound(const struct flow_key *flow, __u32 epoch, struct path *path)
{
	__u32 generation = generation_of(flow->vpc, epoch);
	const struct endpoint *sender = endpoint_of(flow->vpc, generation, &flow->src);
	const struct endpoint *receiver;
	const struct forward *forward;
	const struct route *route;
	__u32 table, nat;

	if (!sender)
		return DROP_NO_ENDPOINT;
	path->generation = generation;
	forward = forward_of(flow, flow->vpc, generation);
	if (forward)
		return route_service(forward, sender, epoch, path);
	if (is_for_services(v4(&flow->dst)))
		return DROP_NO_SERVICE;
	table = sender->routes;
	nat = sender->nat;
	path->question = (struct question){
		.vpc = flow->vpc,
		.generation = generation,
		.policy = sender->policy,
		.direction = EGRESS,
		.protocol = flow->protocol,
		.port = flow->dst_port,
		.peer = flow->dst,
	};
	if (!allowed(&path->question))
		return DROP_EGRESS_DENIED;

	route = route_of(flow->vpc, generation, table, &flow->dst);
	if (!route)
		return DROP_NO_ROUTE;
	if (route->kind == ROUTE_NAT)
		return decide_through(route->nat, flow, epoch, path);
	if (route->kind == ROUTE_INTERNET)
		return nat ? decide_through(nat, flow, epoch, path) : DROP_NO_PUBLIC_ADDRESS;
	if (route->kind != ROUTE_LOCAL)
		return DROP_BLACKHOLE;

	receiver = endpoint_of(flow->vpc, generation, &flow->dst);
	if (!receiver)
		return DROP_NO_INSTANCE;
	leads_to(path, receiver);
	path->question.direction = INGRESS;
	path->question.policy = receiver->policy;
	path->question.peer = flow->src;
	return allowed(&path->question) ? 0 : DROP_INGRESS_DENIED;
}

/* What the outside opens: dnat, route, ingress policy. 0 or a drop reason. */
static __noinline int decide_inbound(const struct flow_key *flow, __u32 epoch, struct path *path)
{
	int refused;

	path->outside_generation = generation_of(OUTSIDE, epoch);
	refused = find_target(flow, path->outside_generation, path);
	if (refused)
		return refused;
	path->generation = generation_of(path->vpc, epoch);
	path->shown = SHOWN_AS_FREE;
	return admit(flow, path->generation, path);
}
