#!/bin/sh
# Puts a new binary in place of the old one, restarts, looks whether it works, and goes back if it does not.
#   release.sh NEW_BINARY
# INSTALL_DIR  where `partyd` is a link to partyd-VERSION-SUM   (/usr/local/bin)
# RESTART      command that restarts the service                (systemctl restart partyd)
# SMOKE        command that says whether it works               (curl of HEALTH_URL)
# HEALTH_URL   (http://127.0.0.1:1999/health)
# BACKUP       command before the restart, as `partyd backup FILE`; its failure ends the release
# Exit: 0 the new one runs; 1 the old one runs again; 2 nothing was touched; 3 neither works: look at the log.
set -u
new=${1:?usage: release.sh NEW_BINARY}
dir=${INSTALL_DIR:-/usr/local/bin}
health=${HEALTH_URL:-http://127.0.0.1:1999/health}
restart=${RESTART:-systemctl restart partyd}
smoke=${SMOKE:-curl -fsS --retry 20 --retry-delay 1 --retry-all-errors --max-time 5 -o /dev/null $health}

say() { echo "release: $*" >&2; }
link() { ln -sfn "$1" "$dir/.partyd-new" && mv -T "$dir/.partyd-new" "$dir/partyd"; } # at once, or not at all
works() { sh -c "$restart" && sh -c "$smoke"; }

version=$("$new" --version 2>/dev/null) || { say "$new does not run here; nothing was touched"; exit 2; }
name=partyd-${version##* }-$(sha256sum "$new" | cut -c1-12)
old=$(readlink "$dir/partyd" 2>/dev/null || true)
if [ -z "$old" ] && [ -e "$dir/partyd" ]; then
    old=partyd-before-$(date +%s)
    cp -p "$dir/partyd" "$dir/$old" || exit 2
fi
cmp -s "$new" "$dir/$name" || install -m 755 "$new" "$dir/$name" || { say "cannot write $dir/$name; nothing was touched"; exit 2; }
if [ -n "${BACKUP:-}" ] && ! sh -c "$BACKUP"; then
    say "the backup failed; nothing was touched"
    exit 2
fi

link "$name" || exit 2
if works; then
    say "$name runs${old:+, $old stays beside it}"
    exit 0
fi
if [ -z "$old" ]; then
    say "$name does not work, and there is none before it"
    exit 3
fi
say "$name does not work; going back to $old"
link "$old" || exit 3
if works; then
    say "$old runs again"
    exit 1
fi
say "$old does not work either"
exit 3
