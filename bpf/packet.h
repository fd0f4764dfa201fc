/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * What the stages know of a packet, and the formats that they read. linux/if_arp.h and linux/icmp.h are not included:
 * they want the C library.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "maps.h"

/* ARP for IPv4 over Ethernet (RFC 826). */
struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__u8 sender[4];
	__u8 target_mac[6];
	__u8 target[4];
} __attribute__((packed));

#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

/* ICMP echo and timestamp (RFC 792), as far as they are alike. */
struct echo {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 id;
	__be16 sequence;
};

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMP_TIMESTAMP_REQUEST 13
#define ICMP_TIMESTAMP_REPLY 14

/* Errors, which bring back the beginning of the packet that they are about (RFC 792). */
#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12

/* Of the 16 bits that say which part of a packet this is (RFC 791). */
#define MORE_FRAGMENTS 0x2000
#define FRAGMENT_OFFSET 0x1fff

#define L3 ((int)sizeof(struct ethhdr))
#define L4 ((int)(sizeof(struct ethhdr) + sizeof(struct iphdr)))

/* The longest header that is looked at: TCP's, without its options. */
#define HEADERS (L4 + (int)sizeof(struct tcphdr))

/* Where an ICMP error has the packet that it is about, and how much of that is looked at: up to TCP's checksum. */
#define QUOTED (L4 + (int)sizeof(struct echo))
#define QUOTED_HEADERS (QUOTED + (int)sizeof(struct iphdr) + 18)

/* The flags of TCP (RFC 9293), as its 14th byte has them. */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* The Ethernet address of every gateway, 02:00:6d:61:64:01. */
#define GATEWAY_MAC { 0x02, 0x00, 0x6d, 0x61, 0x64, 0x01 }

/* Set by the differential test, which brings time and randomness in cb[0..2] and reads what was decided there. In
 * production it is a constant 0, and the verifier takes out all that asks for it. */
const volatile __u32 injected = 0;

/* How many flows an instance and a VPC may have: set by the loader. */
const volatile __u32 most_flows_of_instance = 65536;
const volatile __u32 most_half_open_of_instance = 16384;
const volatile __u32 most_flows_of_vpc = 262144;
const volatile __u32 most_half_open_of_vpc = 65536;

struct packet {
	/* Its tuple as it came in, and the VPC of the port; 0 at an uplink. */
	struct flow_key key;
	/* On the monotonic clock, in ns. */
	__u64 now;
	/* The change of the tables that it is looked up in, and the generation of its VPC (key.vpc). */
	__u32 epoch;
	__u32 generation;
	/* Of the whole frame. */
	__u32 length;
	__u32 random;
	/* TCP's flags; 0 for all else. */
	__u8 flags;
	__u8 ttl;
	/* ICMP: whether it answers an echo or timestamp request. */
	__u8 echo_reply;
	/* Whether it goes through a gateway, so that its TTL falls. */
	__u8 routed;
	/* Whether it is an ICMP error: then, once it is related to a flow, the key is that of what would answer the packet
	 * that it is about. */
	__u8 error;
	/* Whether it is a part of a packet, but not the first: its ports are known, and not in it. */
	__u8 later;
	/* Of a first part: where it ends, in bytes behind the header. 0: it is none. */
	__u16 first_end;
};

/* What an ICMP error is about: beside the packet, since the stack is small. */
static __always_inline struct quoted *quoted_of(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&quoted_now, &zero);
}

/*
 * The frame's first and last byte. Compilers for -mcpu=v3 load these 32-bit fields into half a register, which the
 * verifier does not take for pointers: so the loads are written out.
 */
static __always_inline void *frame(struct __sk_buff *skb)
{
	void *data;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(data)
		     : "r"(skb), "i"(offsetof(struct __sk_buff, data)));
	return data;
}

static __always_inline void *frame_end(struct __sk_buff *skb)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)"
		     : "=r"(end)
		     : "r"(skb), "i"(offsetof(struct __sk_buff, data_end)));
	return end;
}

/* Field by field: memcmp of six bytes would become a call. */
static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b && *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

static __always_inline void map_v4(union addr *to, __be32 address)
{
	to->words[0] = 0;
	to->words[1] = 0;
	to->words[2] = bpf_htonl(0xffff);
	to->words[3] = address;
}

static __always_inline __be32 v4(const union addr *address)
{
	return address->words[3];
}

/* Whether no instances are there: then what a flow has to do with it is known by a generation of its own. */
static __always_inline int is_border(__u32 vpc)
{
	return vpc == OUTSIDE || vpc == SERVICES;
}

/* Whether the protocol's tuples have ports, or identifiers in their place; of others both are 0. */
static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP;
}

/* Whether the address is in the prefix, whose length counts the 96 bits before IPv4 addresses too. */
static __always_inline int in_subnet_v4(__be32 address, const union addr *subnet, __u32 length)
{
	__u64 mask = 0xffffffffULL << (128 - (length & 127));

	if (length >= 128)
		return address == v4(subnet);
	return !((bpf_ntohl(address) ^ bpf_ntohl(v4(subnet))) & (__u32)mask);
}

static __always_inline void start(struct __sk_buff *skb, struct packet *packet)
{
	__u32 zero = 0;
	__u32 *current = bpf_map_lookup_elem(&epoch, &zero);

	packet->epoch = current ? *(volatile __u32 *)current : 0;
	if (injected) {
		packet->now = (__u64)skb->cb[1] << 32 | skb->cb[0];
		packet->random = skb->cb[2];
	} else {
		/* Moves with the timer interrupt: far finer than any deadline, and far cheaper to read. */
		packet->now = bpf_ktime_get_coarse_ns();
	}
	packet->length = skb->len;
}

static __always_inline __u32 random_number(const struct packet *packet)
{
	return injected ? packet->random : bpf_get_prandom_u32();
}

/* The generation of a VPC's tables; 0, of which there are no entries, if there is no such VPC. */
static __always_inline __u32 generation_of(__u32 vpc, __u32 epoch)
{
	const struct vpc *found = bpf_map_lookup_elem(&vpcs, &vpc);

	if (!found)
		return 0;
	return epoch >= found->next ? found->next : found->current;
}

static __always_inline void tell(struct __sk_buff *skb, __u32 verdict, __u32 target, __u32 reason)
{
	if (injected) {
		skb->cb[0] = verdict;
		skb->cb[1] = target;
		skb->cb[2] = reason;
	}
}

static __always_inline void count_drop(struct __sk_buff *skb, __u32 reason)
{
	struct drop_key key = { .ifindex = skb->ifindex, .reason = reason };
	__u64 *count = bpf_map_lookup_elem(&drops, &key);
	__u64 none = 0;

	if (!count) {
		bpf_map_update_elem(&drops, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&drops, &key);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
}

static __noinline int drop(struct __sk_buff *skb, __u32 reason)
{
	count_drop(skb, reason);
	tell(skb, VERDICT_DROP, 0, reason);
	return TC_ACT_SHOT;
}

static __always_inline int to_host(struct __sk_buff *skb)
{
	tell(skb, VERDICT_TO_HOST, 0, 0);
	return TC_ACT_UNSPEC;
}

static __always_inline int answered(struct __sk_buff *skb)
{
	tell(skb, VERDICT_ANSWERED, skb->ifindex, 0);
	return bpf_redirect(skb->ifindex, 0);
}
