/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Out. The twin of crates/pure/datapath/src/stages/deliver.rs, which says what is written.
 *
 * Transport checksums go through bpf_l4_csum_replace, which knows when hardware, or the other end of a veth, is still to
 * fill them in. IPv4's is always in the packet and is adjusted here.
 */
#pragma once

#include "../checksum.h"
#include "../packet.h"
#include "route.h"

#define AF_INET 2

/* Where a packet leaves: at a port, or at an uplink to a next hop. */
struct exit {
	__u32 ifindex;
	__be32 next_hop;
	__u8 mac[6];
	/* The largest IP packet; 0: any. */
	__u16 mtu;
	/* The other end of the port is in the namespace of this one. */
	__u8 of_host;
};

/* To an instance; 0 or a drop reason. */
static __always_inline int exit_to_instance(struct exit *exit, __u32 vpc, __u32 generation, __be32 address)
{
	struct address_key key = { .vpc = vpc, .generation = generation };
	const struct endpoint *endpoint;

	map_v4(&key.address, address);
	endpoint = bpf_map_lookup_elem(&endpoints, &key);
	if (!endpoint)
		return DROP_NO_INSTANCE;
	exit->ifindex = endpoint->port;
	exit->of_host = endpoint->of_host;
	copy_mac(exit->mac, endpoint->mac);
	return 0;
}

/* Outside, from the uplink where this address is; 0 or a drop reason. */
static __always_inline int exit_to_uplink(struct exit *exit, __u32 generation, __be32 source)
{
	struct number_key number = { .vpc = OUTSIDE, .generation = generation };
	const __u32 *at = uplink_of(generation, source);
	const struct uplink *uplink;

	if (!at)
		return DROP_NO_UPLINK;
	number.number = *at;
	uplink = bpf_map_lookup_elem(&uplinks, &number);
	if (!uplink)
		return DROP_NO_UPLINK;
	exit->ifindex = number.number;
	exit->next_hop = v4(&uplink->next_hop);
	exit->mtu = uplink->mtu;
	return 0;
}

/* Whether the packet, or what it will be cut into, is larger than this. */
static __noinline int is_larger(struct __sk_buff *skb, __u32 mtu)
{
	const struct iphdr *ip = frame(skb) + L3;
	const struct tcphdr *tcp = (void *)(ip + 1);
	__u32 headers = sizeof(*ip) + sizeof(struct udphdr);

	if ((void *)tcp + sizeof(struct udphdr) > frame_end(skb) || bpf_ntohs(ip->tot_len) <= mtu)
		return 0;
	if (!skb->gso_size)
		return 1;
	if (ip->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > frame_end(skb))
			return 0;
		headers = sizeof(*ip) + tcp->doff * 4;
	}
	return headers + skb->gso_size > mtu;
}

/* The transport checksum of a packet whose tuple changes; 0 or a drop reason. */
static __always_inline int rewrite_checksum(struct __sk_buff *skb, const struct flow_key *from, const struct flow *to)
{
	__u32 flags = 0, offset;
	long error = 0;

	if (from->protocol == IPPROTO_TCP) {
		offset = L4 + offsetof(struct tcphdr, check);
	} else if (from->protocol == IPPROTO_UDP) {
		offset = L4 + offsetof(struct udphdr, check);
		flags = BPF_F_MARK_MANGLED_0;
	} else {
		offset = L4 + offsetof(struct echo, checksum);
	}
	if (from->protocol != IPPROTO_ICMP) {
		if (v4(&from->src) != v4(&to->src))
			error |= bpf_l4_csum_replace(skb, offset, v4(&from->src), v4(&to->src),
						     flags | BPF_F_PSEUDO_HDR | 4);
		if (v4(&from->dst) != v4(&to->dst))
			error |= bpf_l4_csum_replace(skb, offset, v4(&from->dst), v4(&to->dst),
						     flags | BPF_F_PSEUDO_HDR | 4);
	}
	/* Of an echo one of these is the identifier, and the other, which is in no header, never changes. */
	if (from->src_port != to->src_port)
		error |= bpf_l4_csum_replace(skb, offset, from->src_port, to->src_port, flags | 2);
	if (from->dst_port != to->dst_port)
		error |= bpf_l4_csum_replace(skb, offset, from->dst_port, to->dst_port, flags | 2);
	return error ? DROP_KERNEL_REFUSED : 0;
}

/* Whether its ports are in it. */
static __always_inline int has_transport(const struct packet *packet)
{
	return !packet->later && has_ports(packet->key.protocol);
}

static __always_inline void rewrite_ports(void *transport, const struct packet *packet, const struct flow *to)
{
	if (packet->key.protocol == IPPROTO_ICMP) {
		((struct echo *)transport)->id = packet->echo_reply ? to->dst_port : to->src_port;
	} else {
		((__be16 *)transport)[0] = to->src_port;
		((__be16 *)transport)[1] = to->dst_port;
	}
}

/* Writes the bytes of a packet that leaves; 0 or a drop reason. */
static __always_inline int rewrite(struct __sk_buff *skb, const struct packet *packet, const struct flow *to,
				   const struct exit *exit)
{
	const struct flow_key *from = &packet->key;
	int translated = v4(&from->src) != v4(&to->src) || v4(&from->dst) != v4(&to->dst) ||
			 from->src_port != to->src_port || from->dst_port != to->dst_port;
	const __u8 gateway[6] = GATEWAY_MAC;
	__u32 changes = 0;
	struct ethhdr *ethernet;
	struct iphdr *ip;

	if (translated && has_transport(packet)) {
		int refused = rewrite_checksum(skb, from, to);

		if (refused)
			return refused;
	}
	ethernet = frame(skb);
	ip = (void *)(ethernet + 1);
	if ((void *)(ip + 1) > frame_end(skb))
		return DROP_KERNEL_REFUSED;
	if (to->vpc != OUTSIDE) {
		copy_mac(ethernet->h_dest, exit->mac);
		copy_mac(ethernet->h_source, gateway);
	}
	if (translated) {
		changes = difference(ip->saddr, v4(&to->src)) + difference(ip->daddr, v4(&to->dst));
		ip->saddr = v4(&to->src);
		ip->daddr = v4(&to->dst);
		if (has_transport(packet)) {
			if ((void *)(ip + 1) + sizeof(struct udphdr) > frame_end(skb))
				return DROP_KERNEL_REFUSED;
			rewrite_ports(ip + 1, packet, to);
		}
	}
	if (packet->routed) {
		/* TTL is the first of its two bytes: in the order of the wire, 1 of it is 0x0100. */
		changes += difference(bpf_htons(0x0100), 0);
		ip->ttl--;
	}
	if (changes)
		ip->check = adjust(ip->check, changes);
	return 0;
}

/* Sets a field, if it is another, and gives what that adds to a sum that covers it. */
static __always_inline __u32 set16(__u16 *field, __u16 to)
{
	__u32 change = *field == to ? 0 : difference(*field, to);

	*field = to;
	return change;
}

static __always_inline __u32 set32(__u32 *field, __u32 to)
{
	__u32 change = *field == to ? 0 : difference(*field, to);

	*field = to;
	return change;
}

/*
 * Makes the packet that an ICMP error brings back what its sender knows, and gives what that adds to the error's own
 * checksum. `to`: what becomes of an answer to it. `length`: how much there is of it; TCP's checksum may be missing.
 */
static __always_inline __u32 rewrite_quoted(struct iphdr *quoted, const struct packet *packet, const struct flow *to,
					    __u32 length, void *end)
{
	__u16 *transport = (void *)(quoted + 1);
	__u32 addresses, ports, changes;
	__u16 *sum = NULL;

	addresses = set32(&quoted->saddr, v4(&to->dst));
	addresses += set32(&quoted->daddr, v4(&to->src));
	changes = addresses;
	if (addresses)
		changes += set16(&quoted->check, adjust(quoted->check, addresses));
	if (!has_ports(packet->key.protocol))
		return changes;
	if (packet->key.protocol == IPPROTO_ICMP) {
		ports = set16(&transport[2], packet->echo_reply ? to->dst_port : to->src_port);
		if (ports)
			changes += set16(&transport[1], adjust(transport[1], ports));
		return changes + ports;
	}
	ports = set16(&transport[0], to->dst_port);
	ports += set16(&transport[1], to->src_port);
	changes += ports;
	if (packet->key.protocol == IPPROTO_UDP)
		sum = transport[3] ? &transport[3] : NULL;
	else if (length >= sizeof(*quoted) + 18 && (void *)(transport + 9) <= end)
		sum = &transport[8];
	if (sum && addresses + ports) {
		__u16 adjusted = adjust(*sum, addresses + ports);

		if (!adjusted && packet->key.protocol == IPPROTO_UDP)
			adjusted = 0xffff;
		changes += set16(sum, adjusted);
	}
	return changes;
}

/* Writes the bytes of an ICMP error that leaves; 0 or a drop reason. */
static __noinline int rewrite_error(struct __sk_buff *skb, const struct packet *packet, const struct flow *to,
				    const struct exit *exit, __be32 source)
{
	const __u8 gateway[6] = GATEWAY_MAC;
	struct ethhdr *ethernet = frame(skb);
	struct iphdr *ip = (void *)(ethernet + 1);
	struct echo *icmp = (void *)(ip + 1);
	struct iphdr *quoted = (void *)(icmp + 1);
	void *end = frame_end(skb);
	__u32 changes;

	/* The first three are never true; they tell the verifier that these are no null pointers. */
	if (!packet || !to || !exit || (void *)(quoted + 1) + sizeof(struct udphdr) > end)
		return DROP_KERNEL_REFUSED;
	if (to->vpc != OUTSIDE) {
		copy_mac(ethernet->h_dest, exit->mac);
		copy_mac(ethernet->h_source, gateway);
	}
	changes = rewrite_quoted(quoted, packet, to, bpf_ntohs(ip->tot_len) - (QUOTED - L3), end);
	if (changes)
		icmp->checksum = adjust(icmp->checksum, changes);
	changes = set32(&ip->saddr, source) + set32(&ip->daddr, v4(&to->dst));
	if (packet->routed) {
		changes += difference(bpf_htons(0x0100), 0);
		ip->ttl--;
	}
	if (changes)
		ip->check = adjust(ip->check, changes);
	return 0;
}

static __always_inline int leave(struct __sk_buff *skb, __u32 vpc, const struct exit *exit)
{
	struct bpf_redir_neigh next_hop = { .nh_family = AF_INET, .ipv4_nh = exit->next_hop };

	if (vpc != OUTSIDE) {
		tell(skb, VERDICT_TO_PORT, exit->ifindex, 0);
		/* The quick way leads to another namespace only. */
		return exit->of_host ? bpf_redirect(exit->ifindex, 0) : bpf_redirect_peer(exit->ifindex, 0);
	}
	tell(skb, VERDICT_TO_UPLINK, exit->ifindex, exit->next_hop);
	return bpf_redirect_neigh(exit->ifindex, &next_hop, sizeof(next_hop), 0);
}
