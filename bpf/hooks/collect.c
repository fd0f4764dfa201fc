/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Deletes flows that have expired. It is on no interface: the loader runs it. Check and deletion are here, so that what
 * a packet has just revived is not deleted.
 */

#include "../packet.h"

struct collection {
	__u64 now;
	__u32 deleted;
};

static long collect_entry(void *map, const struct flow_key *key, const struct flow *flow,
			  struct collection *collection)
{
	if (flow->deadline > collection->now)
		return 0;
	if (!bpf_map_delete_elem(map, key))
		collection->deleted++;
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
	return collection.deleted;
}
