#!/bin/sh
# Puts partyd on a Linux machine with systemd, or another version in the place of the one there; what does not work is taken back.
#   deploy.sh USER@HOST [--url https://rooms.example.com]
# USER may become root there by sudo without being asked. --url is asked from here afterwards, through the proxy.
# ASK: a better question than /health of that address, as a command.
# PARTYD_PROGRAM: a static binary for that machine. PARTYD_CONFIG_FILE: its partyd.json. BACKUP: see release.sh.
# Exit: 0 the new one runs; 1 the old one runs again; 2 nothing was touched; 3 neither works.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
usage() { echo "usage: deploy systemd USER@HOST [--url URL]" >&2; exit 2; }
host=${1:-} url=
case $host in '' | -*) usage ;; esac
shift
while [ $# -gt 0 ]; do
    case $1 in --url) url=${2:-}; [ -n "$url" ] || usage; shift 2 ;; *) usage ;; esac
done
program=${PARTYD_PROGRAM:?PARTYD_PROGRAM names the binary to install}

ssh "$host" 'rm -rf partyd-deploy && mkdir partyd-deploy' || exit 2
scp -q "$program" "$host:partyd-deploy/partyd" || exit 2
scp -q "$here/release.sh" "$here/systemd/install.sh" "$here/systemd/partyd.service" "$here/systemd/partyd.socket" \
    ${PARTYD_CONFIG_FILE:+"$PARTYD_CONFIG_FILE"} "$host:partyd-deploy/" || exit 2
status=0
# shellcheck disable=SC2029 # what BACKUP is here is meant
ssh "$host" "sudo BACKUP='${BACKUP:-}' sh partyd-deploy/install.sh" || status=$?
[ "$status" = 0 ] || exit "$status"
[ -n "$url" ] || exit 0

ask() {
    if [ -n "${ASK:-}" ]; then sh -c "$ASK"; else health; fi
}
health() {
    node -e 'fetch(process.argv[1] + "/health", { signal: AbortSignal.timeout(5000) }).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$url"
}
tries=0
until ask; do
    tries=$((tries + 1))
    if [ "$tries" = "${TRIES:-10}" ]; then
        echo "deploy: $url does not answer as it should; going back" >&2
        ssh "$host" sudo sh partyd-deploy/install.sh --back || exit 3
        exit 1
    fi
    sleep 1
done
echo "deploy: $url answers"
