/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * Messages of DHCP, which come before there are addresses: between an instance and the worker that answers for the gateway.
 * A part of the stage guard; the twin of crates/pure/datapath/src/stages/dhcp.rs.
 */
#pragma once

#include "../packet.h"
#include "deliver.h"
#include "dnat.h"

#define DHCP_SERVER 67
#define DHCP_CLIENT 68

/* linux/if_packet.h */
#define PACKET_HOST 0
#define PACKET_OTHERHOST 3

/* Beside the services' own frames travel those of the worker: their Ethernet address is this, then the index of a port. */
#define DHCP_MARK 0x0264

struct marked {
	__be16 mark;
	__be32 ifindex;
} __attribute__((packed));

static __always_inline int is_whole_udp(const struct packet *packet, __u16 from, __u16 to)
{
	return packet->key.protocol == IPPROTO_UDP && !packet->later && !packet->first_end &&
	       packet->key.src_port == bpf_htons(from) && packet->key.dst_port == bpf_htons(to);
}

/* A client's message, to all or to the gateway: on to the worker. Drops it, if there is none. */
static __always_inline int dhcp_from_client(struct __sk_buff *skb, const struct port *port, __u32 epoch)
{
	const struct forward *server = forward_at(port->vpc, generation_of(port->vpc, epoch), &port->gateway,
						  IPPROTO_UDP, bpf_htons(DHCP_SERVER));
	struct ethhdr *ethernet;
	struct marked *to;
	struct exit exit = {};
	int refused;

	if (!server)
		return drop(skb, DROP_NO_SERVICE);
	refused = exit_to_instance(&exit, SERVICES, generation_of(SERVICES, epoch), v4(&server->address));
	if (refused)
		return drop(skb, refused);
	/* Nothing for the services' own stack, which knows nothing of the addresses. */
	bpf_skb_change_type(skb, PACKET_OTHERHOST);
	ethernet = frame(skb);
	if ((void *)(ethernet + 1) > frame_end(skb))
		return drop(skb, DROP_KERNEL_REFUSED);
	to = (void *)ethernet->h_dest;
	to->mark = bpf_htons(DHCP_MARK);
	to->ifindex = bpf_htonl(skb->ifindex);
	return leave(skb, SERVICES, &exit);
}

/* The worker's message, on to the port that it names. */
static __always_inline int dhcp_from_server(struct __sk_buff *skb, const struct packet *packet, __u32 ifindex)
{
	const struct port *client = bpf_map_lookup_elem(&ports, &ifindex);
	const __u8 gateway[6] = GATEWAY_MAC;
	struct ethhdr *ethernet;
	struct exit exit = {};
	int refused;

	if (!client || is_border(client->vpc))
		return drop(skb, DROP_NO_PORT);
	if (v4(&packet->key.src) != v4(&client->gateway))
		return drop(skb, DROP_SPOOFED_ADDRESS);
	refused = exit_to_instance(&exit, client->vpc, generation_of(client->vpc, packet->epoch), v4(&client->address));
	if (refused)
		return drop(skb, refused);
	bpf_skb_change_type(skb, PACKET_HOST);
	ethernet = frame(skb);
	if ((void *)(ethernet + 1) > frame_end(skb))
		return drop(skb, DROP_KERNEL_REFUSED);
	copy_mac(ethernet->h_dest, client->mac);
	copy_mac(ethernet->h_source, gateway);
	return leave(skb, client->vpc, &exit);
}

/* What the guard refuses, for this reason, may be a message of DHCP. */
static __noinline int dhcp_or_drop(struct __sk_buff *skb, const struct port *port, const struct packet *packet, __u32 refused)
{
	const struct ethhdr *ethernet = frame(skb);
	const struct marked *from;

	/* The first two are never true; they tell the verifier that these are no null pointers. */
	if (!port || !packet || (void *)(ethernet + 1) > frame_end(skb))
		return drop(skb, DROP_KERNEL_REFUSED);
	from = (void *)ethernet->h_source;
	if (is_whole_udp(packet, DHCP_CLIENT, DHCP_SERVER) && same_mac(ethernet->h_source, port->mac) &&
	    (!v4(&packet->key.src) || v4(&packet->key.src) == v4(&port->address)) &&
	    (v4(&packet->key.dst) == 0xffffffff || v4(&packet->key.dst) == v4(&port->gateway)))
		return dhcp_from_client(skb, port, packet->epoch);
	if (port->vpc == SERVICES && is_whole_udp(packet, DHCP_SERVER, DHCP_CLIENT) &&
	    from->mark == bpf_htons(DHCP_MARK) && !same_mac(ethernet->h_source, port->mac))
		return dhcp_from_server(skb, packet, bpf_ntohl(from->ifindex));
	return drop(skb, refused);
}
