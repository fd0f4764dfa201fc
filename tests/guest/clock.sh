#!/usr/bin/env bash
# The time of day jumps by a year, ahead and back again: nothing starts anew, nothing is cut, and what was given for a time lasts
# for that time. Runs in a guest (scripts/guest), whose clock nobody needs.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/guest/common.sh
. ./common.sh

# Which processes the instances are, and how often they were started.
processes() {
  madang get instances -o json | python3 -c '
import json, sys
for item in json.load(sys.stdin)["items"]:
    process = item["status"]["process"]
    print(item["metadata"]["name"], process["pid"], process.get("restarts", 0))'
}

metadata() { madang exec web-1 -- curl -s -m 3 -H "X-aws-ec2-metadata-token: $1" http://169.254.169.254/latest/meta-data/local-ipv4; }
token() {
  madang exec web-1 -- curl -s -m 3 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: $1" http://169.254.169.254/latest/api/token
}
label() { madang get instance db-1 -o json | grep '"app"'; }

world
madang serve --listen none >serve.log 2>&1 &
daemon=$!
alive() { madang get vpcs >/dev/null 2>&1 && echo alive; }
answers "alive" alive
madang up -f examples/shop.yaml --timeout 120s >/dev/null
traffic
processes >before
long=$(token 21600)
answers "10.0.1.10" metadata "$long"
sed 's/app: db/app: last/' examples/shop.yaml >last.yaml
# A flow that goes on over both jumps.
ip netns exec outside ping -i 0.2 203.0.113.2 >ping.log 2>&1 &
ping=$!

for jump in "+1 year" "-1 year"; do
  short=$(token 10)
  madang apply -f last.yaml --confirm 20s >/dev/null
  date -s "$jump" >/dev/null
  echo "it is $(date +%F)"
  answers "last" label # not taken back because the date says so
  answers "10.0.1.10" metadata "$long"
  answers "42 pairs of shoes" ip netns exec outside curl -s -m 3 http://203.0.113.10/stock
  traffic
  processes >after
  diff before after || fail "an instance was started anew"
  answers "db" label # taken back when its time is over
  # What was given for ten seconds is over after them.
  over() { metadata "$short" | grep -qF 10.0.1.10 && echo "still" || echo "over"; }
  answers "over" over
  madang get events >/dev/null
done
kill -INT "$ping"
wait "$ping" || true
grep -F " 0% packet loss" ping.log || fail "packets were lost: $(tail -n 2 ping.log)"
madang down --all >/dev/null
kill "$daemon"
echo "nobody noticed the clock"
