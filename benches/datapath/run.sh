#!/usr/bin/env bash
# What the datapath costs, beside a bare veth pair, a bridge, Docker, and bridges with a router and nftables.
# Usage: benches/datapath/run.sh [MADANG-BINARY] [OPTION...]   (--help has the options)
set -euo pipefail
here=$(dirname "$(realpath "$0")")
built=$(realpath -m -- "${CARGO_TARGET_DIR:-$here/../../target}")
PATH=$PATH:/usr/sbin:/sbin

[ "$(id -u)" -eq 0 ] ||
  { echo "The benchmark makes network namespaces: run it as root (sudo make bench-datapath)" >&2; exit 1; }
for need in python3:python3 ip:iproute2 nsenter:util-linux nft:nftables; do
  command -v "${need%:*}" >/dev/null ||
    { echo "The program ${need%:*} is missing: apt install ${need#*:}" >&2; exit 1; }
done

options=(--docker "$built/bench-docker" --output "$built/bench-datapath.json")
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  options+=(--madang "$(realpath "$1")")
  shift
fi
exec python3 -B "$here/bench.py" "${options[@]}" "$@"
