/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Whether a rule allows it. The twin of crates/pure/datapath/src/stages/policy.rs. */
#pragma once

#include "../packet.h"
#include "../path.h"

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

static __always_inline int has_rule(struct rule_key *key, __u8 protocol)
{
	key->protocol = protocol;
	if (bpf_map_lookup_elem(&rules, key))
		return 1;
	key->protocol = 0;
	return bpf_map_lookup_elem(&rules, key) != NULL;
}

/* Flat cost, however many rules there are: one lookup for the class, then up to four for the rule. Those of class 0 hold for
 * every peer. */
static __noinline int allowed(const struct question *question)
{
	struct rule_key key = {
		.length = RULE_KEY_BITS + 16,
		.vpc = question->vpc,
		.generation = question->generation,
		.policy = question->policy,
		.class = class_of(question),
		.direction = question->direction,
		.port = question->port,
	};

	if (has_rule(&key, question->protocol))
		return 1;
	if (!key.class)
		return 0;
	key.class = 0;
	return has_rule(&key, question->protocol);
}
