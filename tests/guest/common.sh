# shellcheck shell=bash
# What the parts of verify-guest have in common: a world around examples/shop.yaml, and questions about it. Read by them.

export NO_COLOR=1
root=$PWD/root

madang() { ./madang --root "$root" "$@"; }
fail() {
  echo "failed: $*" >&2
  tail -n 30 serve.log >&2 2>/dev/null || true
  exit 1
}

# What a reboot takes away: the outside world, and what is in memory.
world() {
  mkdir -p "$root/run"
  mount -t tmpfs tmpfs "$root/run"
  ip netns add outside
  ip link add shop-uplink type veth peer name outside netns outside
  ip address add 203.0.113.2/24 dev shop-uplink
  ip link set shop-uplink up
  ip -n outside address add 203.0.113.1/24 dev outside
  ip -n outside link set outside up
}

# What must be the same: who is who, and how each is reached.
facts() {
  madang get all -o json | python3 -c '
import json, sys
SAME = ("address", "addresses", "mac", "interface", "publicAddress")
for item in sorted(json.load(sys.stdin)["items"], key=lambda item: (item["kind"], item["metadata"]["name"])):
    meta, status = item["metadata"], item.get("status") or {}
    same = {key: status[key] for key in SAME if key in status}
    print(item["kind"], meta["name"], meta["uid"], json.dumps(item["spec"], sort_keys=True), json.dumps(same, sort_keys=True))'
}

answers() { # EXPECTED COMMAND...: it prints that, within half a minute
  local expected=$1 seen=
  shift
  for _ in $(seq 60); do
    seen=$("$@" 2>&1 | tail -n 1) || true
    case $seen in *"$expected"*) return ;; esac
    sleep 0.5
  done
  fail "$*: saw \"$seen\", and not \"$expected\""
}

traffic() {
  answers "42 pairs of shoes" ip netns exec outside curl -s -m 3 http://203.0.113.10/stock
  answers "rtt" madang exec db-1 -- ping -c 1 -W 2 203.0.113.1
  ! madang exec db-1 -- ping -c 1 -W 1 10.0.1.10 >/dev/null 2>&1 || fail "what no rule allows gets through"
}

# How many instances are ready.
ready() {
  madang get instances -o json | python3 -c '
import json, sys
conditions = [item["status"].get("conditions", []) for item in json.load(sys.stdin)["items"]]
print(sum(any(c["type"] == "Ready" and c["status"] == "True" for c in all) for all in conditions), "ready")'
}
