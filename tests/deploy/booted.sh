#!/bin/sh
# The units under a systemd that is really booted: `make booted`, as root on Linux. It is process 1 of namespaces of its own, over a copy of
# this machine's files that goes with them (overlay), with no network but loopback. Installed by deploy/systemd/install.sh as on a machine.
# What a sandbox does not allow systemd to do itself is left out of the unit, and said.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
boot=
finish() {
    [ -z "$boot" ] || kill -KILL "$boot" 2>/dev/null || true
    rmdir "$work/root" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
fail() { echo "booted: $*" >&2; inside journalctl --no-pager -n 30 >&2 || true; exit 1; }

# ---- in the namespaces, before systemd
if [ "${1:-}" = boot ]; then
    trap - EXIT
    r=$2/root
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$2"
    mkdir "$2/upper" "$2/work" "$r"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$2/upper,workdir=$2/work" "$r"
    mount -t proc proc "$r/proc"
    mount -t sysfs sysfs "$r/sys" || mount --rbind /sys "$r/sys"
    for dir in run tmp dev sys/fs/cgroup; do mount -t tmpfs tmpfs "$r/$dir"; done
    mount -t cgroup2 none "$r/sys/fs/cgroup"
    for node in null zero full random urandom tty; do : >"$r/dev/$node" && mount --bind "/dev/$node" "$r/dev/$node"; done
    ln -s /proc/self/fd "$r/dev/fd"
    mkdir "$r/deploy"
    cp "$3/build/static/partyd" "$3"/deploy/release.sh "$3"/deploy/systemd/* "$r/deploy/"
    printf '[Unit]\nAllowIsolate=yes\n' >"$r/etc/systemd/system/nothing.target"
    ip link set lo up
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$r" /lib/systemd/systemd --system --unit=nothing.target --log-target=null
fi

# ---- outside
unshare --pid --mount --fork --kill-child --net --uts --ipc --cgroup sh "$0" boot "$work" "$root" >"$work/log" 2>&1 &
boot=$!
inside() { nsenter -t "$pid1" -m -p -n -i -u -C -r -w -- "$@"; }
is_up() { pid1=$(tr -d " " <"/proc/$boot/task/$boot/children") && [ "$(cat "/proc/$pid1/comm")" = systemd ] && inside systemctl list-jobs >/dev/null; }
n=0
until is_up 2>/dev/null; do
    n=$((n + 1))
    [ $n -lt 100 ] || { cat "$work/log" >&2; echo "booted: systemd does not boot in namespaces here" >&2; exit 1; }
    sleep 0.1
done
install() { inside sh -c 'cd /deploy && SMOKE="curl -fsS --retry 5 --retry-delay 1 --retry-all-errors -o /dev/null http://127.0.0.1:1999/health" sh install.sh' 2>&1; }
say() { inside systemctl show partyd.service -p "$1" --value; }

if ! out=$(install); then
    printf '[Service]\nPrivateDevices=no\nPrivateUsers=no\n' >"$work/conf"
    inside sh -c 'mkdir -p /run/systemd/system/partyd.service.d && cat >/run/systemd/system/partyd.service.d/sandbox.conf' <"$work/conf"
    inside systemctl reset-failed
    out=$(install) || fail "install.sh: $out"
    echo "booted: without PrivateDevices and PrivateUsers, which systemd may not do here"
fi
[ "$(say ActiveState)" = active ] || fail "the service is $(say ActiveState)"
status=$(inside sh -c "cat /proc/$(say MainPID)/status")
echo "$status" | grep -qE '^Seccomp:\s2' || fail 'no filter of system calls'
echo "$status" | grep -qE '^CapEff:\s0+$' || fail 'it has capabilities'
echo "$status" | grep -qE '^Uid:\s+6[0-9]{4}' || fail 'it has no user of its own'
echo "booted: runs as $(echo "$status" | sed -n 's/^Uid:\s*\([0-9]*\).*/user \1/p'), without capabilities, behind a filter"

# shellcheck disable=SC2016 # for the shell inside
asked=$(inside sh -c '(sleep 1; systemctl restart partyd.service) & n=0; end=$(($(date +%s) + 4))
while [ "$(date +%s)" -lt $end ]; do curl -fsS -o /dev/null http://127.0.0.1:1999/health || exit 1; n=$((n + 1)); done; echo $n') || fail 'somebody was refused during the restart'
echo "booted: $asked asked one after the other over a restart, none refused"

before=$(inside readlink /usr/local/bin/partyd)
# shellcheck disable=SC2016
inside sh -c 'printf "#!/bin/sh\n[ \"\$1\" = --version ] && echo partyd 9.9.9 || exit 1\n" >/deploy/partyd && chmod 755 /deploy/partyd'
code=0
install >"$work/out" || code=$?
[ "$code/$(inside readlink /usr/local/bin/partyd)" = "1/$before" ] || fail "a broken binary: exit $code, $(cat "$work/out")"
echo 'booted: a broken binary was taken back'

inside sh -c 'printf "[Service]\nWatchdogSec=2\n" >/run/systemd/system/partyd.service.d/dog.conf' 2>/dev/null ||
    inside sh -c 'mkdir -p /run/systemd/system/partyd.service.d && printf "[Service]\nWatchdogSec=2\n" >/run/systemd/system/partyd.service.d/dog.conf'
inside systemctl daemon-reload
inside systemctl restart partyd.service
first=$(say MainPID)
inside kill -STOP "$first"
n=0
until [ "$(say NRestarts)" -ge 1 ] && [ "$(say ActiveState)" = active ]; do
    n=$((n + 1))
    [ $n -lt 100 ] || fail 'a process that stands still is not ended'
    sleep 0.2
done
[ "$(say MainPID)" != "$first" ] || fail 'it is the same process'
echo 'booted: one that stands still was ended and started again'
inside systemctl stop partyd.socket partyd.service
[ "$(say Result)/$(say ExecMainStatus)" = success/0 ] || fail "it ended with $(say Result), $(say ExecMainStatus)"
echo 'booted: stopped in good order'
