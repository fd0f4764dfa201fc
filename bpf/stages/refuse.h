/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What the sender of a dropped packet is told. The twin of crates/pure/datapath/src/stages/refuse.rs, which says what is
 * told of what.
 */
#pragma once

#include "../checksum.h"
#include "../packet.h"

/* An ICMP error behind its Ethernet header: the packet that it is about is brought back up to its ports. */
struct error {
	struct iphdr ip;
	struct echo icmp;
	struct iphdr quoted;
	__u8 rest[8];
};

#define UNREACHABLE(code) (ICMP_UNREACHABLE << 8 | (code))

/* Type and code of what is told, as two bytes; 0: nothing is. */
static __always_inline __u16 message_of(__u32 reason, __u32 vpc)
{
	if (reason == DROP_TTL_EXCEEDED)
		return ICMP_TIME_EXCEEDED << 8;
	/* Who is outside learns nothing about what is inside. */
	if (vpc == OUTSIDE)
		return 0;
	switch (reason) {
	case DROP_NO_ROUTE:
	case DROP_NO_PUBLIC_ADDRESS:
	case DROP_NAT_GONE:
	case DROP_NO_UPLINK:
		return UNREACHABLE(0);
	case DROP_NO_INSTANCE:
	case DROP_NO_FORWARD:
		return UNREACHABLE(1);
	case DROP_TOO_LARGE:
		return UNREACHABLE(4);
	case DROP_EGRESS_DENIED:
	case DROP_INGRESS_DENIED:
		return UNREACHABLE(13);
	}
	return 0;
}

/* Whether another error may be sent back out of this interface in this second. */
static __always_inline int may_tell(__u32 ifindex, __u64 now)
{
	struct told none = { .second = now / SECOND_NS };
	struct told *told = bpf_map_lookup_elem(&told_lately, &ifindex);

	if (!told) {
		bpf_map_update_elem(&told_lately, &ifindex, &none, BPF_NOEXIST);
		told = bpf_map_lookup_elem(&told_lately, &ifindex);
	}
	if (!told)
		return 0;
	if (told->second != none.second)
		*told = none;
	if (told->count >= ERRORS_A_SECOND)
		return 0;
	__sync_fetch_and_add(&told->count, 1);
	return 1;
}

static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Drops a packet, and tells its sender why, if it is to know: from this address, and what would not be too large. */
static __noinline int refuse(struct __sk_buff *skb, const struct packet *packet, __be32 from, __u32 reason, __u32 mtu)
{
	struct error error = {};
	struct ethhdr *ethernet;
	__u8 receiver[6];
	__u16 message;

	if (!packet)
		return drop(skb, reason);
	message = message_of(reason, packet->key.vpc);
	if (!message || packet->error || packet->later || !may_tell(skb->ifindex, packet->now))
		return drop(skb, reason);
	if (bpf_skb_load_bytes(skb, L3, &error.quoted, sizeof(error.quoted) + sizeof(error.rest)))
		return drop(skb, reason);
	error.ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tos = ERROR_TOS,
		.tot_len = bpf_htons(sizeof(error)),
		.ttl = GATEWAY_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = from,
		.daddr = error.quoted.saddr,
	};
	error.ip.check = folded(bpf_csum_diff(NULL, 0, (__be32 *)&error.ip, sizeof(error.ip), 0));
	error.icmp.type = message >> 8;
	error.icmp.code = message;
	/* Of an error these bytes are the MTU (RFC 1191 section 4). */
	if (reason == DROP_TOO_LARGE)
		error.icmp.sequence = bpf_htons(mtu);
	error.icmp.checksum =
		folded(bpf_csum_diff(NULL, 0, (__be32 *)&error.icmp, sizeof(error) - sizeof(error.ip), 0));
	if (bpf_skb_change_tail(skb, L3 + sizeof(error), 0) || bpf_skb_store_bytes(skb, L3, &error, sizeof(error), 0))
		return drop(skb, reason);
	ethernet = frame(skb);
	if ((void *)(ethernet + 1) > frame_end(skb))
		return drop(skb, reason);
	copy_mac(receiver, ethernet->h_source);
	copy_mac(ethernet->h_source, ethernet->h_dest);
	copy_mac(ethernet->h_dest, receiver);
	count_drop(skb, reason);
	tell(skb, VERDICT_REFUSED, skb->ifindex, reason);
	return bpf_redirect(skb->ifindex, 0);
}
