"""The servers, each with how it is told what to do and how durable it is then."""

import json
import os
from dataclasses import dataclass

POOL = ("10.1.0.0", "10.16.255.255")


@dataclass
class Server:
    name: str
    durable: str
    command: list
    environment: dict


def madang(binary, place):
    command = [binary, "--root", place, "dhcp", "serve", "-i", "lan", "-p", "-".join(POOL), "--no-probe",
               "--router", "10.0.0.1", "--dns", "10.0.0.1"]
    return Server("madang", "fdatasync before each ack, many in one", command, {})


def kea(place):
    config = {"Dhcp4": {
        "interfaces-config": {"interfaces": ["lan"], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": True, "name": f"{place}/leases.csv", "lfc-interval": 0},
        "multi-threading": {"enable-multi-threading": True, "packet-queue-size": 1000},
        "valid-lifetime": 3600,
        "subnet4": [{"subnet": "10.0.0.0/8", "pools": [{"pool": " - ".join(POOL)}], "option-data": [
            {"name": "routers", "data": "10.0.0.1"}, {"name": "domain-name-servers", "data": "10.0.0.1"}]}],
        "loggers": [{"name": "kea-dhcp4", "severity": "WARN",
                     "output_options": [{"output": f"{place}/kea.log"}]}],
    }}
    file = f"{place}/kea.json"
    with open(file, "w", encoding="utf-8") as out:
        json.dump(config, out)
    environment = {"KEA_PIDFILE_DIR": place, "KEA_LOCKFILE_DIR": place}
    return Server("Kea", "writes each lease to a file, without fsync", ["kea-dhcp4", "-c", file], environment)


def dnsmasq(place):
    command = ["dnsmasq", "-k", "-p", "0", "-C", "/dev/null", "-u", "root", "-i", "lan", "--no-ping",
               "-F", f"{POOL[0]},{POOL[1]},255.0.0.0,1h", "--dhcp-lease-max=10000000", "--dhcp-authoritative",
               f"--dhcp-leasefile={place}/leases", f"--pid-file={place}/pid", "--log-facility=/dev/null"]
    return Server("dnsmasq", "writes a file now and then, without fsync", command, {})


def dhcpd(place):
    file, leases = f"{place}/dhcpd.conf", f"{place}/leases"
    with open(file, "w", encoding="utf-8") as out:
        out.write("ping-check off; authoritative; default-lease-time 3600; local-port 67; "
                  "subnet 10.0.0.0 netmask 255.0.0.0 { range 10.1.0.0 10.1.127.255; option routers 10.0.0.1; "
                  "option domain-name-servers 10.0.0.1; }\n")
    open(leases, "w", encoding="utf-8").close()
    os.chmod(place, 0o777)
    command = ["dhcpd", "-4", "-f", "-q", "-user", "root", "-group", "root", "-cf", file, "-lf", leases,
               "-pf", f"{place}/pid", "lan"]
    return Server("dhcpd", "fsync before each ack", command, {})
