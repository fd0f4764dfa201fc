/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The records that the kernel's programs and the loader share. Their twins in Rust are in
 * crates/host/kernel/src/datapath/abi.rs; both sides assert the same sizes and offsets. A change here is a new
 * MADANG_ABI.
 *
 * Addresses are 16 bytes in the order of the wire, IPv4 ones mapped (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2).
 * Ports are in the order of the wire; an ICMP echo identifier stands for both ports. Numbers are the host's.
 * Prefix lengths count from the first bit of the 16 bytes: an IPv4 /24 is 120.
 */
#pragma once

#include <linux/types.h>
#include <stddef.h>

#define MADANG_ABI 2

/* What lies beyond the uplinks. */
#define OUTSIDE 0
/* Where the services are that every VPC has, as its name service. */
#define SERVICES 0xffffffff

/* 240.0.0.0/4, whose addresses nobody else has: a service sees an instance as its port's index in there. */
#define SEEN_NETWORK 0xf0000000
/* 169.254.169.252/30: what an instance may ask of the link-local addresses, which no router forwards. */
#define SERVICES_NETWORK 0xa9fea9fc
#define SERVICES_MASK 0xfffffffc
#define NAME_SERVICE_PORT 53

/* --- Numbers: the same as in crates/pure/datapath/src/abi.rs, which says what they mean. --- */

#define SECOND_NS 1000000000ULL

/* RFC 5382 REQ-5, RFC 4787 REQ-5, RFC 5508 REQ-2: see there. */
#define TCP_HALF_OPEN_NS (60 * SECOND_NS)
#define TCP_ESTABLISHED_NS (24 * 60 * 60 * SECOND_NS)
#define TCP_CLOSING_NS (120 * SECOND_NS)
#define TCP_CLOSED_NS (10 * SECOND_NS)
#define UDP_ONE_WAY_NS (30 * SECOND_NS)
#define UDP_BOTH_WAYS_NS (180 * SECOND_NS)
#define UDP_SERVICE_NS (10 * SECOND_NS)
#define ICMP_ECHO_NS (30 * SECOND_NS)

#define REFRESH_DIVISOR 8

#define STATE_SYN_ORIGINAL (1 << 0)
#define STATE_SYN_REPLY (1 << 1)
#define STATE_ACK_ORIGINAL (1 << 2)
#define STATE_FIN_ORIGINAL (1 << 3)
#define STATE_FIN_REPLY (1 << 4)
#define STATE_RST (1 << 5)
#define STATE_SERVICE (1 << 6)

#define ECHO_REQUEST 0x0800
#define SERVICE_QUOTA_SHIFT 3
#define PORT_TRIES 16
#define SHOWN_PORT_FIRST 1024
#define FLOW_ENTRIES (1 << 20)
#define GATEWAY_TTL 64
#define ERROR_TOS 0xc0
#define ERRORS_A_SECOND 100
#define MAX_PAYLOAD (65535 - 20)
#define FRAGMENT_NS (30 * SECOND_NS)

enum verdict {
	VERDICT_DROP = 1,
	VERDICT_TO_PORT = 2,
	VERDICT_TO_UPLINK = 3,
	VERDICT_ANSWERED = 4,
	VERDICT_TO_HOST = 5,
	VERDICT_REFUSED = 6,
};

enum way {
	WAY_ORIGINAL = 0,
	WAY_REPLY = 1,
};

enum drop_reason {
	/* parse */
	DROP_TRUNCATED = 1,
	DROP_ETHER_TYPE = 2,
	DROP_ARP_UNSUPPORTED = 3,
	DROP_IP_HEADER = 4,
	DROP_IP_OPTIONS = 5,
	DROP_IP_LENGTH = 6,
	DROP_FRAGMENT = 7,
	DROP_PROTOCOL_UNSUPPORTED = 8,
	DROP_TRANSPORT_HEADER = 9,
	DROP_ICMP_UNSUPPORTED = 10,
	DROP_BAD_FRAGMENT = 11,
	/* guard */
	DROP_NO_PORT = 16,
	DROP_SPOOFED_MAC = 17,
	DROP_SPOOFED_ADDRESS = 18,
	DROP_ARP_NOT_REQUEST = 19,
	DROP_ARP_UNANSWERED = 20,
	DROP_MULTICAST = 21,
	DROP_MARTIAN = 22,
	DROP_WRONG_MAC = 23,
	DROP_GATEWAY_ONLY = 24,
	/* conntrack */
	DROP_NOT_SYN = 32,
	DROP_NO_ECHO_REQUEST = 33,
	DROP_PATH_CHANGED = 34,
	DROP_TUPLE_IN_USE = 35,
	DROP_FLOW_TABLE_FULL = 36,
	DROP_ICMP_UNRELATED = 37,
	DROP_INSTANCE_QUOTA = 38,
	DROP_VPC_QUOTA = 39,
	/* policy */
	DROP_NO_ENDPOINT = 48,
	DROP_EGRESS_DENIED = 49,
	DROP_INGRESS_DENIED = 50,
	/* dnat */
	DROP_NO_FORWARD = 56,
	DROP_NO_SERVICE = 57,
	/* route */
	DROP_NO_ROUTE = 64,
	DROP_BLACKHOLE = 65,
	DROP_NO_INSTANCE = 66,
	DROP_NO_PUBLIC_ADDRESS = 67,
	DROP_NAT_GONE = 68,
	/* snat */
	DROP_NAT_PORTS_EXHAUSTED = 72,
	/* deliver */
	DROP_TTL_EXCEEDED = 80,
	DROP_NO_UPLINK = 81,
	DROP_TOO_LARGE = 82,
	/* the kernel's alone: the reference never gives it */
	DROP_KERNEL_REFUSED = 96,
};

/* --- Records --- */

union addr {
	__u8 octets[16];
	__u32 words[4];
};

struct port {
	__u32 vpc;
	__u8 mac[6];
	__u8 subnet_length;
	__u8 pad;
	union addr address;
	union addr subnet;
	union addr gateway;
};

/* A VPC's tables are those of the generation `next` once the epoch has come to it, until then those of `current`. */
struct vpc {
	__u32 current;
	__u32 next;
};

/* What one VPC knows about an address; in VPC 0, a pool's address. */
struct address_key {
	__u32 vpc;
	__u32 generation;
	union addr address;
};

struct endpoint {
	__u32 port;
	__u32 policy;
	__u32 routes;
	/* Through which NAT it has a public address of its own; 0: none. */
	__u32 nat;
	__u8 mac[6];
	/* Whether its end is one of the host's own interfaces. */
	__u8 of_host;
	__u8 pad;
};

struct class_key {
	__u32 length;
	__u32 vpc;
	__u32 generation;
	union addr address;
};

#define CLASS_KEY_BITS 64

struct route_key {
	__u32 length;
	__u32 vpc;
	__u32 generation;
	__u32 table;
	union addr address;
};

#define ROUTE_KEY_BITS 96

/* No subnet's route table: the VPC's own ranges, as routes. */
#define ROUTES_RANGES 0

enum route_kind {
	ROUTE_LOCAL = 1,
	ROUTE_INTERNET = 2,
	ROUTE_NAT = 3,
	ROUTE_BLACKHOLE = 4,
};

struct route {
	__u32 kind;
	__u32 nat;
};

enum direction {
	INGRESS = 0,
	EGRESS = 1,
};

struct rule_key {
	__u32 length;
	__u32 vpc;
	__u32 generation;
	__u32 policy;
	__u32 class;
	__u8 direction;
	__u8 protocol;
	__be16 port;
};

#define RULE_KEY_BITS 144

/* A NAT or an uplink of the outside. */
struct number_key {
	__u32 vpc;
	__u32 generation;
	__u32 number;
};

struct nat {
	union addr address;
	__u16 first_port;
	__u16 last_port;
};

struct uplink {
	union addr next_hop;
	__u8 mac[6];
	/* The largest IP packet that it carries; 0: any. */
	__u16 mtu;
};

/* Protocol and port 0: whatever is sent to the address. */
struct forward_key {
	__u32 vpc;
	__u32 generation;
	union addr address;
	__be16 port;
	__u8 protocol;
	__u8 pad;
};

struct forward {
	union addr address;
	__u32 vpc;
	__be16 port;
	__u8 pad[2];
};

/* One direction of a flow, as its packets arrive. */
struct flow_key {
	__u32 vpc;
	__u8 protocol;
	__u8 pad[3];
	__be16 src_port;
	__be16 dst_port;
	__u32 zero;
	union addr src;
	union addr dst;
} __attribute__((aligned(8)));

/*
 * What becomes of them. The peer, which is the other direction, has the key (vpc, dst, src, dst_port, src_port):
 * what an answer to the translated packet looks like where it arrives.
 */
struct flow {
	union addr src;
	union addr dst;
	__be16 src_port;
	__be16 dst_port;
	/* Where the translated packet goes. */
	__u32 vpc;
	/* The generation of the VPC of its instances (the sum, if they are of two), and that of the outside or the services
	 * if it has to do with these, or 0, that allowed it last. */
	__u32 generation;
	__u32 outside_generation;
	/* STATE_ bits, the same in both entries; only ever more of them. */
	__u32 state;
	/* Which way of the flow this is: WAY_. */
	__u32 way;
	/* On the monotonic clock, in ns. At this time it is gone, whether collected or not. */
	__u64 deadline;
	__u64 packets;
	__u64 bytes;
};

struct drop_key {
	__u32 ifindex;
	__u32 reason;
};

/* How many errors were sent out of an interface in the latest second in which any was. */
struct told {
	__u64 second;
	__u64 count;
};

_Static_assert(sizeof(struct port) == 60 && offsetof(struct port, gateway) == 44, "ABI");
_Static_assert(sizeof(struct vpc) == 8, "ABI");
_Static_assert(sizeof(struct address_key) == 24 && sizeof(struct endpoint) == 24, "ABI");
_Static_assert(sizeof(struct class_key) == 28 && sizeof(struct route_key) == 32, "ABI");
_Static_assert(sizeof(struct rule_key) == 24 && offsetof(struct rule_key, port) == 22, "ABI");
_Static_assert(sizeof(struct number_key) == 12 && sizeof(struct nat) == 20, "ABI");
_Static_assert(sizeof(struct uplink) == 24 && sizeof(struct route) == 8, "ABI");
_Static_assert(sizeof(struct forward_key) == 28 && sizeof(struct forward) == 24, "ABI");
_Static_assert(sizeof(struct flow_key) == 48 && offsetof(struct flow_key, src) == 16, "ABI");
_Static_assert(sizeof(struct flow) == 80 && offsetof(struct flow, deadline) == 56, "ABI");
_Static_assert(sizeof(struct drop_key) == 8, "ABI");
