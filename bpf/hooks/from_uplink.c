/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What the outside sends: ingress of an uplink. What is not for an address of a pool there is the host's, untouched. */

#include "../packet.h"
#include "../forward.h"
#include "../stages/guard.h"
#include "../stages/parse.h"

/* Whether a pool has the address at this uplink. */
static __always_inline int is_ours(__be32 address, __u32 uplink, __u32 outside)
{
	const __u32 *at = uplink_of(outside, address);

	return at && *at == uplink;
}

static __noinline int arp_from_uplink(struct __sk_buff *skb, const struct uplink *uplink, __u32 outside)
{
	const __u8 broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct ethhdr *ethernet = frame(skb);
	const struct arp *arp = (void *)(ethernet + 1);

	if (!uplink || parse_arp(skb) || (void *)(arp + 1) > frame_end(skb))
		return to_host(skb);
	if (!same_mac(ethernet->h_dest, uplink->mac) && !same_mac(ethernet->h_dest, broadcast))
		return to_host(skb);
	if (arp->operation != bpf_htons(ARP_REQUEST) || !is_ours(*(const __be32 *)arp->target, skb->ifindex, outside))
		return to_host(skb);
	return answer_arp(skb, uplink->mac);
}

SEC("classifier")
int from_uplink(struct __sk_buff *skb)
{
	struct number_key key = { .vpc = OUTSIDE, .number = skb->ifindex };
	const struct ethhdr *ethernet;
	const struct uplink *uplink;
	struct packet packet = {};
	const struct iphdr *ip;
	int refused;

	start(skb, &packet);
	packet.generation = generation_of(OUTSIDE, packet.epoch);
	key.generation = packet.generation;
	uplink = bpf_map_lookup_elem(&uplinks, &key);
	if (!uplink || skb->vlan_present)
		return to_host(skb);
	gather(skb);
	ethernet = frame(skb);
	if ((void *)(ethernet + 1) > frame_end(skb))
		return to_host(skb);
	if (ethernet->h_proto == bpf_htons(ETH_P_ARP))
		return arp_from_uplink(skb, uplink, packet.generation);
	ip = (void *)(ethernet + 1);
	if (ethernet->h_proto != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > frame_end(skb))
		return to_host(skb);
	if (ip->version != 4 || !same_mac(ethernet->h_dest, uplink->mac) ||
	    !is_ours(ip->daddr, skb->ifindex, packet.generation))
		return to_host(skb);

	refused = parse_ipv4(skb, &packet);
	if (!refused && is_martian(v4(&packet.key.src), packet.generation))
		refused = DROP_MARTIAN;
	if (!refused && packet.first_end)
		refused = remember_first(skb, &packet);
	if (refused)
		return drop(skb, refused);
	packet.key.vpc = OUTSIDE;
	return forward(skb, &packet, NULL);
}
