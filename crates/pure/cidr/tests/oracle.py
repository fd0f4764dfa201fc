# Answers questions by Python's ipaddress: a question is a line of words, and so is its answer.
import ipaddress
import sys


def answer(ask, words):
    if ask == "network":
        interface = ipaddress.ip_interface(words[0])
        net = interface.network
        hosts = net.hosts()
        first = hosts[0] if isinstance(hosts, list) else next(hosts)
        count = len(list(net.hosts())) if net.num_addresses <= 16 else "many"
        above = net.supernet() if net.prefixlen else "none"
        reverse = interface.ip.reverse_pointer
        return net, net.netmask, net.hostmask, net[-1], net.num_addresses, first, count, above, reverse, int(interface.ip)
    if ask == "mask":
        return (ipaddress.ip_interface(f"{words[0]}/{words[1]}"),)
    if ask == "subnets":
        return list(ipaddress.ip_network(words[0]).subnets(new_prefix=int(words[1])))
    if ask == "relation":
        a, b = map(ipaddress.ip_network, words)
        return a.supernet_of(b), a.subnet_of(b), a.overlaps(b)
    if ask == "summarize":
        return list(ipaddress.summarize_address_range(*map(ipaddress.ip_address, words)))
    if ask == "exclude":
        a, b = map(ipaddress.ip_network, words)
        return sorted(a.address_exclude(b))
    if ask == "collapse":
        return list(ipaddress.collapse_addresses(map(ipaddress.ip_network, words)))
    if ask == "kind":
        ip = ipaddress.ip_address(words[0])
        site_local = ip.version == 6 and ip.is_site_local
        reserved = ip.version == 4 and ip.is_reserved
        kinds = ip.is_multicast, ip.is_loopback, ip.is_link_local, ip.is_unspecified, site_local, reserved
        return ip.is_global, ip.is_private, *kinds


for line in sys.stdin:
    ask, *words = line.split()
    try:
        print(*answer(ask, words))
    except ValueError:
        print("refused")
