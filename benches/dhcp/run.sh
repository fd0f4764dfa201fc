#!/usr/bin/env bash
# How many DISCOVER-OFFER-REQUEST-ACK a second, and what one costs: madang dhcp serve beside Kea, dnsmasq and ISC dhcpd.
# Usage: benches/dhcp/run.sh MADANG-BINARY LOAD-BINARY [OPTION...]   (bench.py --help has the options)
set -euo pipefail
[ "$(id -u)" -eq 0 ] ||
  { echo "The benchmark makes network namespaces: run it as root (sudo make bench-dhcp)" >&2; exit 1; }
madang=$(realpath "${1:?the binary of madang}")
load=$(realpath "${2:?the binary of the load generator}")
shift 2
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin exec python3 bench.py --madang "$madang" --load "$load" "$@"
