/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Deletes flows that have expired, and counts the others for whom they belong to. It is on no interface: the loader runs it.
 * Check and deletion are here, so that what a packet has just revived is not deleted.
 */

#include "../packet.h"
#include "../quota.h"

struct collection {
	__u64 now;
	__u32 deleted;
};

static __always_inline void recount(const struct usage_key *owner, __u64 walk, __u32 half_open)
{
	struct usage none = {}, *usage = bpf_map_lookup_elem(&usages, owner);

	if (!usage) {
		bpf_map_update_elem(&usages, owner, &none, BPF_NOEXIST);
		usage = bpf_map_lookup_elem(&usages, owner);
	}
	if (!usage)
		return;
	if (usage->walk != walk) {
		usage->walk = walk;
		usage->counted = 0;
		usage->counted_half_open = 0;
	}
	usage->counted++;
	usage->counted_half_open += half_open;
}

static long collect_entry(void *map, const struct flow_key *key, const struct flow *flow,
			  struct collection *collection)
{
	struct usage_key owner;
	__u32 half_open;

	if (flow->deadline <= collection->now) {
		if (!bpf_map_delete_elem(map, key))
			collection->deleted++;
		return 0;
	}
	if (flow->way != WAY_ORIGINAL)
		return 0;
	half_open = is_half_open(key->protocol, flow->state);
	owner_of(&owner, key, flow);
	recount(&owner, collection->now, half_open);
	to_vpc(&owner);
	recount(&owner, collection->now, half_open);
	return 0;
}

/* What was opened during the walk may be missing until the next one. */
static long settle_usage(void *map, const struct usage_key *owner, struct usage *usage,
			 struct collection *collection)
{
	if (usage->walk != collection->now) {
		bpf_map_delete_elem(map, owner);
		return 0;
	}
	usage->flows = usage->counted;
	usage->half_open = usage->counted_half_open;
	return 0;
}

SEC("classifier")
int collect(struct __sk_buff *skb)
{
	struct collection collection = {};
	struct packet packet = {};

	start(skb, &packet);
	collection.now = packet.now;
	bpf_for_each_map_elem(&flows, collect_entry, &collection, 0);
	bpf_for_each_map_elem(&usages, settle_usage, &collection, 0);
	return collection.deleted;
}
