#!/usr/bin/env bash
# What the datapath costs, beside a bare veth pair and beside bridges, a router and nftables with the same policy.
# Usage: benches/datapath/run.sh [MADANG-BINARY] [OPTION...]   (bench.py --help has the options)
set -euo pipefail
cd "$(dirname "$0")"

[ "$(id -u)" -eq 0 ] ||
  { echo "The benchmark makes network namespaces: run it as root (sudo make bench-datapath)" >&2; exit 1; }
for need in python3:python3 ip:iproute2 nsenter:util-linux nft:nftables iperf3:iperf3; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${need%:*}" >/dev/null ||
    { echo "The program ${need%:*} is missing: apt install ${need#*:}" >&2; exit 1; }
done

options=()
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  options+=(--madang "$(cd "$OLDPWD" && realpath "$1")")
  shift
fi
PATH=$PATH:/usr/sbin:/sbin exec python3 bench.py "${options[@]}" "$@"
