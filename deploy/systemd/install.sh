#!/bin/sh
# On the machine, as root, beside what deploy.sh has brought: units, secrets and settings, then release.sh.
#   install.sh          the binary `partyd` beside this
#   install.sh --back   the one that ran before it
set -eu
cd "$(dirname "$0")"
etc=${ETC:-/etc} dir=${INSTALL_DIR:-/usr/local/bin}
env=$etc/partyd/env

if [ "${1:-}" = --back ]; then
    old=$(cat before)
    [ -n "$old" ] || { echo "install: there is none before it" >&2; exit 3; }
    exec sh release.sh "$dir/$old"
fi
readlink "$dir/partyd" >before || : >before
install -d -m 700 "$etc/partyd"
if [ ! -f "$env" ]; then
    (umask 077 && printf 'PARTYD_AUTH=ticket\nPARTYD_TICKET_SECRET=%s\n' "$(head -c 32 /dev/urandom | base64)" >"$env")
    echo "install: made $env; your application signs tickets with the secret in it" >&2
fi
if [ -f partyd.json ]; then
    # There are no secrets in it, and the service's user has to read it.
    install -m 644 partyd.json "$etc/partyd.json"
    grep -q '^PARTYD_CONFIG=' "$env" || echo "PARTYD_CONFIG=$etc/partyd.json" >>"$env"
fi
install -d "$etc/systemd/system"
for unit in partyd.service partyd.socket; do install -m 644 "$unit" "$etc/systemd/system/$unit"; done
systemctl daemon-reload
systemctl enable --quiet partyd.socket partyd.service
exec sh release.sh ./partyd
