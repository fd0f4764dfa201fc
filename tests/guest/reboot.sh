#!/usr/bin/env bash
# A host whose power goes, and that comes back: with the same instances, addresses, MACs and ports, the same traffic, and with
# what was acknowledged last of all. Runs in a guest (scripts/guest), in two halves: the machine is reset between them.
# Usage: reboot.sh [before|after]   (in a directory with madang and examples/)
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=tests/guest/common.sh
. ./common.sh

case ${1:-before} in
  before)
    # The next boot runs the second half.
    echo "bash reboot.sh after" >.command
    touch .again
    sync .command .again .
    world
    madang up -f examples/shop.yaml --timeout 120s >/dev/null
    traffic
    facts >before
    sync before
    # The last thing that is acknowledged before the power goes.
    sed 's/app: db/app: last/' examples/shop.yaml >last.yaml
    madang apply -f last.yaml >/dev/null
    echo b >/proc/sysrq-trigger
    sleep 60
    fail "the machine goes on"
    ;;
  after)
    rm .again
    world
    madang serve --listen none >serve.log 2>&1 &
    daemon=$!
    answers "4 ready" ready
    facts >after
    diff -u before after || fail "it is not what it was"
    traffic
    labelled() { madang get instance db-1 -o json | grep '"app"'; }
    answers "last" labelled
    madang get instances
    madang down --all >/dev/null
    kill "$daemon"
    echo "it came back as it was"
    ;;
esac
