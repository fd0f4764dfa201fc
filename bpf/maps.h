/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The maps. All but `flows`, `usages`, `drops`, `fragments` and the two about ICMP errors are written by the loader alone. Every key
 * but that of a port, the epoch, a drop and a fragment begins with the VPC; those of a VPC's tables go on with a
 * generation.
 *
 * Lookups of a packet use the one epoch that it read first: so it sees the tables of one moment.
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

#define TABLE(name, kind, key_type, value_type, entries)                                                               \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__uint(pinning, LIBBPF_PIN_BY_NAME);                                                                   \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

/* The number of the tables' last change: one write switches every VPC at once. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

TABLE(ports, BPF_MAP_TYPE_HASH, __u32, struct port, 16384);
TABLE(vpcs, BPF_MAP_TYPE_HASH, __u32, struct vpc, 16384);

TABLE(endpoints, BPF_MAP_TYPE_HASH, struct address_key, struct endpoint, 131072);
TABLE(classes, BPF_MAP_TYPE_LPM_TRIE, struct class_key, __u32, 262144);
TABLE(routes, BPF_MAP_TYPE_LPM_TRIE, struct route_key, struct route, 131072);
TABLE(rules, BPF_MAP_TYPE_LPM_TRIE, struct rule_key, __u8, 1048576);

TABLE(addresses, BPF_MAP_TYPE_HASH, struct address_key, __u32, 65536);
TABLE(nats, BPF_MAP_TYPE_HASH, struct number_key, struct nat, 16384);
TABLE(uplinks, BPF_MAP_TYPE_HASH, struct number_key, struct uplink, 256);
TABLE(forwards, BPF_MAP_TYPE_HASH, struct forward_key, struct forward, 65536);

/* Never an LRU one: that would silently end flows that live. The loader sets how many. */
TABLE(flows, BPF_MAP_TYPE_HASH, struct flow_key, struct flow, FLOW_ENTRIES);

/* Whose flows they are, and of which kind. */
struct usage_key {
	__u32 vpc;
	__u32 kind;
	/* Of the instance; none: of the VPC. */
	union addr address;
};

/* Each kind has a quota of its own: who is flooded from outside can still open flows. */
enum usage_kind {
	USAGE_OUT = 0,
	USAGE_IN = 1,
	USAGE_SERVICE = 2,
};

/* How many flows that is. */
struct usage {
	/* The walk that counted last, and what it has counted. */
	__u64 walk;
	__u32 counted;
	__u32 counted_half_open;
	/* What there is, as far as is known. */
	__u32 flows;
	__u32 half_open;
};

TABLE(usages, BPF_MAP_TYPE_HASH, struct usage_key, struct usage, 131072);

/* An entry that is lost is counted anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, struct told);
} told_lately SEC(".maps");

/* What the parts of one packet have in common (RFC 791), and where they come in. */
struct fragment_key {
	__u32 ifindex;
	__be32 src;
	__be32 dst;
	__be16 id;
	__u8 protocol;
	__u8 pad;
};

/* What the first part says of all. */
struct fragment {
	__u64 deadline;
	__be16 src_port;
	__be16 dst_port;
	/* Where it ends, in bytes behind the header. */
	__u16 end;
	__u8 echo_reply;
	__u8 pad;
};

/* Who sends many loses the oldest: the packets that those belong to. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* The ends of the packet that an ICMP error is about, which this CPU is at. */
struct quoted {
	__be32 src;
	__be32 dst;
	__be16 src_port;
	__be16 dst_port;
	__u8 protocol;
	/* ICMP: whether it is an echo or timestamp request. */
	__u8 echo_request;
	__u8 pad[2];
	/* Where the error itself comes from. */
	__be32 teller;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct quoted);
} quoted_now SEC(".maps");

TABLE(drops, BPF_MAP_TYPE_HASH, struct drop_key, __u64, 65536);
