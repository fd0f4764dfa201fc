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

/* What an instance opens: dnat, then the way to a service, or egress policy, route and ingress policy. 0 or a drop reason. */
static __noinline int decide_outbound(const struct flow_key *flow, __u32 epoch, struct path *path)
{
	struct question question = {
		.vpc = flow->vpc,
		.generation = generation_of(flow->vpc, epoch),
		.direction = EGRESS,
		.protocol = flow->protocol,
		.port = flow->dst_port,
		.peer = flow->dst,
	};
	const struct endpoint *sender = endpoint_of(flow->vpc, question.generation, &flow->src);
	const struct endpoint *receiver;
	const struct forward *forward;
	const struct route *route;
	__u32 table;

	if (!sender)
		return DROP_NO_ENDPOINT;
	path->generation = question.generation;
	forward = forward_of(flow, question.generation);
	if (forward)
		return route_service(forward, sender, epoch, path);
	if (is_for_services(v4(&flow->dst)))
		return DROP_NO_SERVICE;
	table = sender->routes;
	question.policy = sender->policy;
	if (!allowed(&question))
		return DROP_EGRESS_DENIED;

	path->vpc = flow->vpc;
	path->outside_generation = 0;
	route = route_of(flow->vpc, question.generation, table, &flow->dst);
	if (!route)
		return DROP_NO_ROUTE;
	if (route->kind == ROUTE_NAT)
		return route_nat(route->nat, flow, epoch, path);
	if (route->kind == ROUTE_INTERNET)
		return DROP_NO_PUBLIC_ADDRESS;
	if (route->kind != ROUTE_LOCAL)
		return DROP_BLACKHOLE;

	receiver = endpoint_of(flow->vpc, question.generation, &flow->dst);
	if (!receiver)
		return DROP_NO_INSTANCE;
	leads_to(path, receiver);
	question.direction = INGRESS;
	question.policy = receiver->policy;
	question.peer = flow->src;
	return allowed(&question) ? 0 : DROP_INGRESS_DENIED;
}

/* What the outside opens: dnat, route, ingress policy. 0 or a drop reason. */
static __noinline int decide_inbound(const struct flow_key *flow, __u32 epoch, struct path *path)
{
	struct question question = { .direction = INGRESS, .protocol = flow->protocol, .peer = flow->src };
	const struct endpoint *receiver;
	const struct forward *forward;

	path->outside_generation = generation_of(OUTSIDE, epoch);
	forward = forward_of(flow, path->outside_generation);
	if (!forward)
		return DROP_NO_FORWARD;
	path->vpc = forward->vpc;
	path->address = forward->address;
	path->target_port = forward->port;
	path->generation = generation_of(path->vpc, epoch);

	receiver = endpoint_of(path->vpc, path->generation, &path->address);
	if (!receiver)
		return DROP_NO_INSTANCE;
	/* Someone outside must not pass for someone of the VPC. */
	if (route_of(path->vpc, path->generation, ROUTES_RANGES, &flow->src))
		return DROP_MARTIAN;
	leads_to(path, receiver);
	question.vpc = path->vpc;
	question.generation = path->generation;
	question.policy = receiver->policy;
	question.port = path->target_port;
	return allowed(&question) ? 0 : DROP_INGRESS_DENIED;
}
