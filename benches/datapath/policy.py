"""The rules that every way with a policy has. What is measured passes by the last two of them: who tries one after the
other tries all."""

import itertools
import typing

CLIENT, SERVER, PORT = "10.64.1.10", "10.64.2.10", 5201
FEW, MANY = 10, 10_000


class Rule(typing.NamedTuple):
    protocol: str
    port: int
    source: str


def rules(count):
    """So many rules, about five hundred hosts and as many ports of each as it takes."""
    others = (Rule("tcp", 6000 + n // 500, f"172.16.{n % 500 // 250}.{n % 250}") for n in itertools.count())
    return [*itertools.islice(others, count - 2), Rule("tcp", PORT, CLIENT), Rule("udp", PORT, CLIENT)]


def nftables(count, as_set):
    """A router's table: each rule by itself, or all of them in one set. It translates what goes out of its uplink."""
    if as_set:
        elements = ", ".join(f"{rule.source} . {rule.protocol} . {rule.port}" for rule in rules(count))
        kept = f"set allowed {{ type ipv4_addr . inet_proto . inet_service; elements = {{ {elements} }} }}"
        laid = "ip saddr . meta l4proto . th dport @allowed accept"
    else:
        kept = ""
        laid = "\n".join(f"ip saddr {rule.source} {rule.protocol} dport {rule.port} accept" for rule in rules(count))
    return f"""
        table inet bench {{
          {kept}
          chain forward {{
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
            oifname "uplink" accept
            {laid}
          }}
          chain out {{
            type nat hook postrouting priority 100;
            oifname "uplink" masquerade
          }}
        }}
    """


def security_group(count):
    """The same for Madang, in a document of its own. What instances send may go anywhere, as is the default."""
    laid = "\n".join(
        f"    - {{ protocol: {rule.protocol}, ports: [{rule.port}], from: [{rule.source}/32] }}"
        for rule in rules(count)
    )
    return f"""---
apiVersion: madang.dev/v1alpha1
kind: SecurityGroup
metadata: {{ name: bench }}
spec:
  vpc: bench
  ingress:
{laid}
"""
