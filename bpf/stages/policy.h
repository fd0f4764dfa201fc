/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Whether a rule allows it. The twin of crates/pure/datapath/src/stages/policy.rs. */
#pragma once

#include "../packet.h"

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

static __always_inline __u32 class_of(const struct question *question)
{
	struct class_key key = {
		.length = CLASS_KEY_BITS + 128,
		.vpc = question->vpc,
		.generation = question->generation,
		.address = question->peer,
	};
	const __u32 *class = bpf_map_lookup_elem(&classes, &key);

	return class ? *class : 0;
}

/* Flat cost, however many rules there are: one lookup for the class, one or two for the rule. */
static __noinline int allowed(const struct question *question)
{
	struct rule_key key = {
		.length = RULE_KEY_BITS + 16,
		.vpc = question->vpc,
		.generation = question->generation,
		.policy = question->policy,
		.class = class_of(question),
		.direction = question->direction,
		.protocol = question->protocol,
		.port = question->port,
	};

	if (bpf_map_lookup_elem(&rules, &key))
		return 1;
	key.protocol = 0;
	return bpf_map_lookup_elem(&rules, &key) != NULL;
}
