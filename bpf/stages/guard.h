/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* Whether the sender may send this at all, and what the gateway itself answers. The twin of
 * crates/pure/datapath/src/stages/guard.rs. */
#pragma once

#include "../checksum.h"
#include "../packet.h"
#include "dnat.h"
#include "parse.h"
#include "route.h"

static __always_inline int is_broadcast_or_multicast(__be32 address)
{
	return (address & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || address == 0xffffffff;
}

/* 0.0.0.0/8 (RFC 791: this network), 127.0.0.0/8, or 169.254.0.0/16, which no router forwards (RFC 3927 2.7): the
 * outside's metadata service is not an instance's to ask. */
static __always_inline int is_never_routed(__be32 address)
{
	__u32 number = bpf_ntohl(address);

	return number >> 24 == 0 || number >> 24 == 127 || number >> 16 == 0xa9fe;
}

/* Whether it is a subnet's broadcast address: the last one, if it is not also a host's or the other end's. */
static __always_inline int is_last_of(const struct port *port, __be32 address)
{
	__u32 bits = 128 - port->subnet_length;
	__u32 hosts = bits >= 32 ? 0xffffffff : (1U << (bits & 31)) - 1;

	return bits >= 2 && bpf_ntohl(address) == (bpf_ntohl(v4(&port->subnet)) | hosts);
}

static __always_inline int is_echo_request(const struct packet *packet)
{
	return packet->key.protocol == IPPROTO_ICMP && !packet->error && !packet->echo_reply &&
	       packet->key.dst_port == bpf_htons(ECHO_REQUEST);
}

/* IPv4 from a port; 0 or a drop reason. What the gateway answers is seen to by the caller. */
static __always_inline int guard_ipv4(struct __sk_buff *skb, const struct port *port, const struct packet *packet)
{
	const __u8 gateway[6] = GATEWAY_MAC;
	const struct ethhdr *ethernet = frame(skb);
	__be32 to = v4(&packet->key.dst);

	if ((void *)(ethernet + 1) > frame_end(skb))
		return DROP_TRUNCATED;
	if (!same_mac(ethernet->h_source, port->mac))
		return DROP_SPOOFED_MAC;
	if (v4(&packet->key.src) != v4(&port->address))
		return DROP_SPOOFED_ADDRESS;
	if (is_broadcast_or_multicast(to) || is_last_of(port, to))
		return DROP_MULTICAST;
	if ((is_never_routed(to) && !is_for_services(to)) || to == v4(&port->address))
		return DROP_MARTIAN;
	if (!same_mac(ethernet->h_dest, gateway))
		return DROP_WRONG_MAC;
	return to == v4(&port->gateway) && !is_echo_request(packet) ? DROP_GATEWAY_ONLY : 0;
}

/* Makes the frame one back to where it came from. */
static __always_inline void turn_around(struct ethhdr *ethernet, const __u8 *mac)
{
	copy_mac(ethernet->h_dest, ethernet->h_source);
	copy_mac(ethernet->h_source, mac);
}

/* Makes an ARP request the answer that this Ethernet address has the target. */
static __noinline int answer_arp(struct __sk_buff *skb, const __u8 *mac)
{
	struct ethhdr *ethernet = frame(skb);
	struct arp *arp = (void *)(ethernet + 1);
	__be32 asked;

	if (!mac || (void *)(arp + 1) > frame_end(skb))
		return drop(skb, DROP_KERNEL_REFUSED);
	turn_around(ethernet, mac);
	asked = *(__be32 *)arp->target;
	arp->operation = bpf_htons(ARP_REPLY);
	copy_mac(arp->target_mac, arp->sender_mac);
	*(__be32 *)arp->target = *(__be32 *)arp->sender;
	copy_mac(arp->sender_mac, mac);
	*(__be32 *)arp->sender = asked;
	return answered(skb);
}

/* Whether somebody of the port's subnet has the address, or the VPC asks its name service there. */
static __always_inline int is_bound(const struct port *port, __u32 epoch, __be32 address)
{
	__u32 generation = generation_of(port->vpc, epoch);
	union addr wanted;

	if (!in_subnet_v4(address, &port->subnet, port->subnet_length))
		return 0;
	map_v4(&wanted, address);
	return endpoint_of(port->vpc, generation, &wanted) || is_name_service(port->vpc, generation, &wanted);
}

/* Whether ARP from a port is answered: 0 or a drop reason. */
static __always_inline int guard_arp(struct __sk_buff *skb, const struct port *port, __u32 epoch)
{
	const struct ethhdr *ethernet = frame(skb);
	const struct arp *arp = (void *)(ethernet + 1);
	__be32 sender, target;

	if ((void *)(arp + 1) > frame_end(skb))
		return DROP_TRUNCATED;
	sender = *(const __be32 *)arp->sender;
	target = *(const __be32 *)arp->target;
	if (!same_mac(ethernet->h_source, port->mac))
		return DROP_SPOOFED_MAC;
	if (arp->operation != bpf_htons(ARP_REQUEST))
		return DROP_ARP_NOT_REQUEST;
	if (!same_mac(arp->sender_mac, port->mac))
		return DROP_SPOOFED_MAC;
	/* A probe has no sender address yet (RFC 5227 section 2.1.1). */
	if (sender && sender != v4(&port->address))
		return DROP_SPOOFED_ADDRESS;
	if (sender == target)
		return DROP_ARP_NOT_REQUEST;
	if (target == v4(&port->address))
		return DROP_ARP_UNANSWERED;
	if (target == v4(&port->gateway) || is_bound(port, epoch, target))
		return 0;
	return DROP_ARP_UNANSWERED;
}

static __noinline int arp_from_port(struct __sk_buff *skb, const struct port *port, __u32 epoch)
{
	const __u8 gateway[6] = GATEWAY_MAC;
	int refused;

	if (!port)
		return drop(skb, DROP_NO_PORT);
	refused = parse_arp(skb);
	if (!refused)
		refused = guard_arp(skb, port, epoch);
	return refused ? drop(skb, refused) : answer_arp(skb, gateway);
}

/* To the gateway itself: it answers pings, and nothing else. */
static __noinline int for_gateway(struct __sk_buff *skb, const struct packet *packet)
{
	const __u8 gateway[6] = GATEWAY_MAC;
	struct ethhdr *ethernet;
	struct iphdr *ip;
	struct echo *echo;
	__u32 addresses;

	/* Never true; it tells the verifier that this is no null pointer. */
	if (!packet)
		return drop(skb, DROP_KERNEL_REFUSED);
	if (!packet->later &&
	    bpf_l4_csum_replace(skb, L4 + offsetof(struct echo, checksum), bpf_htons(ICMP_ECHO_REQUEST << 8), 0, 2))
		return drop(skb, DROP_KERNEL_REFUSED);
	ethernet = frame(skb);
	ip = (void *)(ethernet + 1);
	echo = (void *)(ip + 1);
	if ((void *)echo > frame_end(skb))
		return drop(skb, DROP_KERNEL_REFUSED);
	turn_around(ethernet, gateway);
	addresses = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addresses;
	if (ip->ttl != GATEWAY_TTL) {
		ip->check = adjust(ip->check, difference(bpf_htons(ip->ttl << 8), bpf_htons(GATEWAY_TTL << 8)));
		ip->ttl = GATEWAY_TTL;
	}
	if (!packet->later) {
		if ((void *)(echo + 1) > frame_end(skb))
			return drop(skb, DROP_KERNEL_REFUSED);
		echo->type = ICMP_ECHO_REPLY;
	}
	return answered(skb);
}

/* Whether the source of what an uplink brings cannot be outside. */
static __always_inline int is_martian(__be32 source, __u32 outside)
{
	return is_broadcast_or_multicast(source) || is_never_routed(source) || uplink_of(outside, source);
}
