/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What the bytes are. The twin of crates/pure/datapath/src/stages/parse.rs, which says what is checked in what order. */
#pragma once

#include "../packet.h"

/* Makes the headers lie in one piece, where the kernel has them in several. */
static __always_inline void gather(struct __sk_buff *skb)
{
	if (frame(skb) + HEADERS > frame_end(skb))
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
}

/* ARP in a frame that is said to be that; 0 or a drop reason. */
static __always_inline int parse_arp(struct __sk_buff *skb)
{
	const struct arp *arp = frame(skb) + L3;

	if ((void *)(arp + 1) > frame_end(skb))
		return DROP_TRUNCATED;
	if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->hardware_length != 6 || arp->protocol_length != 4)
		return DROP_ARP_UNSUPPORTED;
	return 0;
}

/* The type of the request that this is or answers; 0: it is neither. */
static __always_inline __u8 asked_by(const struct echo *echo)
{
	if (echo->code)
		return 0;
	switch (echo->type) {
	case ICMP_ECHO_REQUEST:
	case ICMP_ECHO_REPLY:
		return ICMP_ECHO_REQUEST;
	case ICMP_TIMESTAMP_REQUEST:
	case ICMP_TIMESTAMP_REPLY:
		return ICMP_TIMESTAMP_REQUEST;
	}
	return 0;
}

static __always_inline int parse_transport(struct packet *packet, void *transport, void *end, __u32 length)
{
	struct flow_key *key = &packet->key;
	__u8 asked;

	if (key->protocol == IPPROTO_TCP) {
		const struct tcphdr *tcp = transport;

		if (length < sizeof(*tcp) || (void *)(tcp + 1) > end)
			return DROP_TRANSPORT_HEADER;
		key->src_port = tcp->source;
		key->dst_port = tcp->dest;
		packet->flags = ((const __u8 *)tcp)[13];
		return 0;
	}
	if (!has_ports(key->protocol))
		return 0;
	if (length < sizeof(struct udphdr) || transport + sizeof(struct udphdr) > end)
		return DROP_TRANSPORT_HEADER;
	if (key->protocol == IPPROTO_UDP) {
		const struct udphdr *udp = transport;

		key->src_port = udp->source;
		key->dst_port = udp->dest;
		return 0;
	}
	const struct echo *echo = transport;

	packet->error = echo->type == ICMP_UNREACHABLE || echo->type == ICMP_TIME_EXCEEDED ||
			echo->type == ICMP_PARAMETER_PROBLEM;
	if (packet->error)
		return 0;
	asked = asked_by(echo);
	if (!asked)
		return DROP_ICMP_UNSUPPORTED;
	packet->echo_reply = echo->type != asked;
	key->src_port = packet->echo_reply ? bpf_htons(asked << 8) : echo->id;
	key->dst_port = packet->echo_reply ? echo->id : bpf_htons(asked << 8);
	return 0;
}

/* What an ICMP error is about, of an IPv4 packet of this length; 0 or a drop reason. */
static __noinline int parse_quoted(struct __sk_buff *skb, __u32 length)
{
	struct quoted *quoted = quoted_of();
	const struct iphdr *ip;
	const struct echo *echo;
	const __be16 *ports;
	__u8 asked;

	/* Never true. */
	if (!quoted)
		return DROP_KERNEL_REFUSED;
	if (length < QUOTED - L3 + sizeof(*ip) + sizeof(*echo))
		return DROP_TRANSPORT_HEADER;
	if (frame(skb) + QUOTED_HEADERS > frame_end(skb))
		bpf_skb_pull_data(skb, skb->len < QUOTED_HEADERS ? skb->len : QUOTED_HEADERS);
	ip = frame(skb) + QUOTED;
	echo = (void *)(ip + 1);
	ports = (void *)(ip + 1);
	if ((void *)(echo + 1) > frame_end(skb))
		return DROP_TRANSPORT_HEADER;
	/* A later fragment has no ports. */
	if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(FRAGMENT_OFFSET))
		return DROP_ICMP_UNSUPPORTED;
	*quoted = (struct quoted){};
	quoted->src = ip->saddr;
	quoted->dst = ip->daddr;
	quoted->protocol = ip->protocol;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		quoted->src_port = ports[0];
		quoted->dst_port = ports[1];
		return 0;
	}
	if (!has_ports(ip->protocol))
		return ip->protocol ? 0 : DROP_ICMP_UNSUPPORTED;
	asked = asked_by(echo);
	if (!asked)
		return DROP_ICMP_UNSUPPORTED;
	quoted->echo_request = echo->type == asked;
	quoted->src_port = quoted->echo_request ? echo->id : bpf_htons(asked << 8);
	quoted->dst_port = quoted->echo_request ? bpf_htons(asked << 8) : echo->id;
	return 0;
}

static __always_inline void fragment_key(struct fragment_key *key, const struct __sk_buff *skb, const struct iphdr *ip)
{
	*key = (struct fragment_key){
		.ifindex = skb->ifindex,
		.src = ip->saddr,
		.dst = ip->daddr,
		.id = ip->id,
		.protocol = ip->protocol,
	};
}

/* Remembers a first part, once its sender has been found to be who it says; 0 or a drop reason. */
static __noinline int remember_first(struct __sk_buff *skb, const struct packet *packet)
{
	const struct iphdr *ip = frame(skb) + L3;
	struct fragment first = {};
	struct fragment_key key;

	/* Never true; it tells the verifier that this is no null pointer. */
	if (!packet || (void *)(ip + 1) > frame_end(skb))
		return DROP_TRUNCATED;
	first.deadline = packet->now + FRAGMENT_NS;
	first.end = packet->first_end;
	first.src_port = packet->key.src_port;
	first.dst_port = packet->key.dst_port;
	first.echo_reply = packet->echo_reply;
	fragment_key(&key, skb, ip);
	return bpf_map_update_elem(&fragments, &key, &first, BPF_ANY) ? DROP_FRAGMENT : 0;
}

/*
 * A part of a packet: the first one has the ports, and the others get them from there, if they come later and lie behind
 * it. 0 or a drop reason.
 */
static __noinline int parse_fragment(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip = frame(skb) + L3;
	void *end = frame_end(skb);
	struct fragment_key key;
	struct fragment *known;
	__u32 length, offset;

	/* Never true; it tells the verifier that this is no null pointer. */
	if (!packet || (void *)(ip + 1) > end)
		return DROP_TRUNCATED;
	length = bpf_ntohs(ip->tot_len) - sizeof(*ip);
	offset = (bpf_ntohs(ip->frag_off) & FRAGMENT_OFFSET) * 8;
	if (!length || offset + length > MAX_PAYLOAD || (ip->frag_off & bpf_htons(MORE_FRAGMENTS) && length % 8))
		return DROP_BAD_FRAGMENT;
	if (!offset) {
		int refused = parse_transport(packet, (void *)(ip + 1), end, length);

		packet->first_end = length;
		return refused || !packet->error ? refused : DROP_BAD_FRAGMENT;
	}
	fragment_key(&key, skb, ip);
	known = bpf_map_lookup_elem(&fragments, &key);
	if (!known || packet->now >= known->deadline)
		return DROP_FRAGMENT;
	if (offset < known->end)
		return DROP_BAD_FRAGMENT;
	packet->key.src_port = known->src_port;
	packet->key.dst_port = known->dst_port;
	packet->echo_reply = known->echo_reply;
	packet->later = 1;
	return 0;
}

/* IPv4 in a frame that is said to be that: fills in all of the packet but its VPC. 0 or a drop reason. */
static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	const struct iphdr *ip = frame(skb) + L3;
	void *end = frame_end(skb);
	__u32 length;
	int refused;

	if ((void *)(ip + 1) > end)
		return DROP_TRUNCATED;
	if (ip->version != 4 || ip->ihl < 5)
		return DROP_IP_HEADER;
	if (ip->ihl > 5)
		return DROP_IP_OPTIONS;
	length = bpf_ntohs(ip->tot_len);
	if (length < sizeof(*ip) || length > packet->length - L3)
		return DROP_IP_LENGTH;
	/* Rules have it for any. */
	if (!ip->protocol)
		return DROP_PROTOCOL_UNSUPPORTED;
	packet->key.protocol = ip->protocol;
	packet->ttl = ip->ttl;
	map_v4(&packet->key.src, ip->saddr);
	map_v4(&packet->key.dst, ip->daddr);
	if (ip->frag_off & bpf_htons(MORE_FRAGMENTS | FRAGMENT_OFFSET))
		return parse_fragment(skb, packet);
	refused = parse_transport(packet, (void *)(ip + 1), end, length - sizeof(*ip));
	return refused || !packet->error ? refused : parse_quoted(skb, length);
}
