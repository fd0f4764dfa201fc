/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What an instance sends: ingress of the host's side of its port. */

#include "../packet.h"
#include "../forward.h"
#include "../stages/dhcp.h"
#include "../stages/guard.h"
#include "../stages/parse.h"

SEC("classifier")
int from_port(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	struct packet packet = {};
	const struct ethhdr *ethernet;
	const struct port *port;
	int refused;

	port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!port)
		return drop(skb, DROP_NO_PORT);
	start(skb, &packet);
	gather(skb);
	ethernet = frame(skb);
	if ((void *)(ethernet + 1) > frame_end(skb))
		return drop(skb, DROP_TRUNCATED);
	if (skb->vlan_present)
		return drop(skb, DROP_ETHER_TYPE);
	if (ethernet->h_proto == bpf_htons(ETH_P_ARP))
		return arp_from_port(skb, port, packet.epoch);
	if (ethernet->h_proto != bpf_htons(ETH_P_IP))
		return drop(skb, DROP_ETHER_TYPE);

	refused = parse_ipv4(skb, &packet);
	if (refused)
		return drop(skb, refused);
	refused = guard_ipv4(skb, port, &packet);
	if (refused)
		return dhcp_or_drop(skb, port, &packet, refused);
	if (packet.first_end)
		refused = remember_first(skb, &packet);
	if (refused)
		return drop(skb, refused);
	if (v4(&packet.key.dst) == v4(&port->gateway))
		return for_gateway(skb, &packet);
	packet.key.vpc = port->vpc;
	packet.generation = generation_of(port->vpc, packet.epoch);
	return forward(skb, &packet, port);
}
