"""Frames that no instance may send, sent from inside one: MAC ADDRESS VICTIM GATEWAY. At the end a proper one: the marker."""

import socket
import struct
import sys

MAC, ADDRESS, VICTIM, GATEWAY = sys.argv[1:]
GATEWAY_MAC = bytes.fromhex("02006d616401")
OWN_MAC = bytes.fromhex(MAC.replace(":", ""))
OTHER_MAC = bytes.fromhex("020000000099")
BROADCAST = b"\xff" * 6


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload, kind=0x0800, to=GATEWAY_MAC, source=OWN_MAC):
    return to + source + struct.pack("!H", kind) + payload


def ip(protocol, payload, source=ADDRESS, to=VICTIM, fragment=0, number=1, options=b""):
    length = 20 + len(options) + len(payload)
    first = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, length, number, fragment, 64, protocol, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(to)
    sum_ = struct.pack("!H", checksum(first + ends + options))
    return first[:10] + sum_ + ends + options + payload


def udp(source, to, data):
    return struct.pack("!HHHH", source, to, 8 + len(data), 0) + data


def tcp(source, to, flags):
    return struct.pack("!HHIIBBHHH", source, to, 1, 0, 0x50, flags, 1024, 0, 0)


def arp(operation, sender_mac, sender, target):
    addresses = sender_mac + socket.inet_aton(sender) + b"\0" * 6 + socket.inet_aton(target)
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + addresses


def icmp_error(quoted):
    body = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def icmpv6_router_advertisement():
    body = bytes([134, 0, 0, 0, 64, 0, 7, 8]) + b"\0" * 8
    ends = socket.inet_pton(socket.AF_INET6, "fe80::1") + socket.inet_pton(socket.AF_INET6, "ff02::1")
    return struct.pack("!IHBB", 0x60000000, len(body), 58, 255) + ends + body


theirs = ip(17, udp(53, 9999, b""), source=VICTIM, to=GATEWAY)
frames = [
    # Who has which address.
    ethernet(arp(2, OWN_MAC, GATEWAY, VICTIM), 0x0806, BROADCAST),
    ethernet(arp(2, OWN_MAC, VICTIM, VICTIM), 0x0806, BROADCAST),
    ethernet(arp(1, OWN_MAC, VICTIM, GATEWAY), 0x0806, BROADCAST),
    ethernet(arp(1, OTHER_MAC, ADDRESS, GATEWAY), 0x0806, BROADCAST),
    # Somebody else's address, and somebody else's Ethernet address.
    ethernet(ip(17, udp(1, 7001, b"ATTACK"), source=GATEWAY)),
    ethernet(ip(17, udp(1, 7001, b"ATTACK"), source="8.8.8.8")),
    ethernet(ip(17, udp(1, 7001, b"ATTACK")), source=OTHER_MAC),
    # Straight to the neighbour, around the gateway.
    ethernet(ip(17, udp(1, 7001, b"ATTACK")), to=OTHER_MAC),
    # A DHCP server's offer.
    ethernet(ip(17, udp(67, 68, b"\x02\x01\x06\0ATTACK"), to="255.255.255.255"), to=BROADCAST),
    # An ICMP error about what the victim sends to somebody else.
    ethernet(ip(1, icmp_error(theirs))),
    # A fragment over the first one's header, one that is too short for a header, and one without a first one.
    ethernet(ip(17, udp(1, 7001, b"ATTACK" + b"x" * 10), fragment=0x2000, number=7, to="10.0.9.9")),
    ethernet(ip(17, udp(1, 7001, b"ATTACK"), fragment=1, number=7, to="10.0.9.9")),
    ethernet(ip(6, tcp(1, 22, 2)[:8], fragment=0x2000, number=8)),
    ethernet(ip(17, b"ATTACK", fragment=9, number=9)),
    # Flags that open nothing.
    *(ethernet(ip(6, tcp(1, 7000, flags))) for flags in (0x00, 0x01, 0x03, 0x06, 0x29, 0x3F, 0x10, 0x04)),
    # Source routing.
    ethernet(ip(17, udp(1, 7001, b"ATTACK"), options=bytes([131, 7, 4]) + socket.inet_aton(VICTIM) + b"\0")),
    # Other kinds of frames: tags, IPv6, a router that is none, spanning trees.
    ethernet(struct.pack("!HH", 5, 0x0800) + ip(17, udp(1, 7001, b"ATTACK")), 0x8100),
    ethernet(struct.pack("!HHHH", 5, 0x8100, 6, 0x0800) + ip(17, udp(1, 7001, b"ATTACK")), 0x88A8),
    ethernet(icmpv6_router_advertisement(), 0x86DD, bytes.fromhex("333300000001")),
    ethernet(b"\x42\x42\x03" + b"\0" * 40, 38, bytes.fromhex("0180c2000000")),
    # The host.
    ethernet(ip(6, tcp(1, 22, 2), to=GATEWAY)),
    ethernet(ip(6, tcp(1, 7443, 2), to="127.0.0.1")),
    ethernet(ip(17, udp(1, 7001, b"ATTACK"), to="224.0.0.251")),
]

link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
for frame in frames:
    link.send(frame.ljust(60, b"\0"))
# A switch would forget who is where.
for number in range(2000):
    link.send(ethernet(ip(17, udp(1, 7001, b"ATTACK")), source=b"\x02" + struct.pack("!IB", number, 1)))
link.send(ethernet(ip(17, udp(1, 7001, b"MARKER"))))
