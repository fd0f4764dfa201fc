"""Broken and hostile messages to a DHCP server, made with scapy: `broken.py INTERFACE SEED COUNT`."""

import random
import sys

from scapy.all import BOOTP, DHCP, IP, UDP, Ether, Raw, conf, fuzz, raw

interface, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
socket = conf.L2socket(iface=interface)
MAC = bytes.fromhex("02dd00000001")


def frame(payload, **udp):
    return (Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
            / UDP(sport=68, dport=67, **udp) / payload)


def bootp(**fields):
    return BOOTP(**{"chaddr": MAC + b"\0" * 10, "xid": random.getrandbits(32), **fields})


def discover(*options):
    return bootp() / DHCP(options=[("message-type", "discover"), *options, "end"])


ODD = [
    bootp(hlen=255) / DHCP(options=[("message-type", "discover"), "end"]),
    bootp(hlen=0) / DHCP(options=[("message-type", "request"), "end"]),
    bootp(htype=0, op=7) / DHCP(options=[("message-type", 200), "end"]),
    bootp(options=b"\x63\x82\x53\x64") / DHCP(options=[("message-type", "discover"), "end"]),
    bootp(giaddr="255.255.255.255") / DHCP(options=[("message-type", "discover"), "end"]),
    bootp(giaddr="127.0.0.1", hops=255) / DHCP(options=[("message-type", "discover"), "end"]),
    bootp(ciaddr="224.0.0.1") / DHCP(options=[("message-type", "request"), "end"]),
    bootp() / DHCP(options=[("message-type", "decline"), ("requested_addr", "10.0.0.1"), ("server_id", "10.0.0.1"), "end"]),
    bootp() / DHCP(options=[("message-type", "release"), ("server_id", "10.0.0.1"), "end"]),
    bootp() / Raw(b"\x63\x82\x53\x63\x35\xff\x01"),
    bootp() / Raw(b"\x63\x82\x53\x63" + b"\x34\x01\x03" + b"\x35\x01\x01" + b"\x52\xff" + b"\x01\xff" * 127),
    bootp() / Raw(b"\x63\x82\x53\x63" + bytes([53, 1, 1]) + b"\x0c\xff" + b"a" * 255 + b"\x0c\xff" + b"b" * 255 + b"\xff"),
    discover(("hostname", b"\xff\0../../etc/passwd\n")),
    discover(("client_id", b"")),
    discover(("lease_time", 0xffffffff)),
    discover(("max_dhcp_size", 1)),
    Raw(b""),
    Raw(b"\x01" * 1400),
]

for number in range(count):
    kind = number % 4
    if kind == 0:
        packet = raw(frame(ODD[number // 4 % len(ODD)]))
    elif kind == 1:
        packet = raw(frame(fuzz(BOOTP()) / fuzz(DHCP())))
    elif kind == 2:
        # One of those with some bytes changed, and whatever checksum it has then: it is not computed, says scapy.
        packet = bytearray(raw(frame(discover(("param_req_list", [1, 3, 6])), chksum=0)))
        for _ in range(random.randint(1, 8)):
            packet[random.randrange(42, len(packet))] = random.getrandbits(8)
        packet = bytes(packet)
    else:
        packet = raw(frame(discover(("relay_agent_information", bytes(random.getrandbits(8) for _ in range(40)))), chksum=0))
        packet = packet[: random.randrange(14, len(packet))]
    socket.send(Raw(packet[:1500]))
print("sent", count)
