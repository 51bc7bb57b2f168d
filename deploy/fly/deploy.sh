#!/bin/sh
# Sends the program to Fly.io, which makes an image of it there. fly.toml of the project, or ours, written beside package.json once.
#   deploy.sh [options of `fly deploy`]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
fly=$(command -v fly || command -v flyctl)
if [ ! -f fly.toml ]; then
    cp "$here/fly/fly.toml" fly.toml
    echo "deploy: made fly.toml. Put the name of your app in it, read its first lines, and run this again; nothing was deployed" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for certificates in /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem ''; do [ ! -f "$certificates" ] || break; done
[ -n "$certificates" ] || { echo "deploy: no file of certificates found on this machine; nothing was deployed" >&2; exit 2; }
cp "$certificates" "$work/ca-certificates.crt"
cp "${PARTYD_PROGRAM:?PARTYD_PROGRAM names the binary}" "$work/partyd"
chmod 755 "$work/partyd"
echo 'partyd:x:65532:65532::/data:/partyd' >"$work/passwd"
mkdir "$work/data"
cp "$here/fly/Dockerfile" "$work/Dockerfile"
cp fly.toml "$work/fly.toml"
(cd "$work" && "$fly" deploy --remote-only "$@")
echo "deploy: if it does not do: $fly releases --image, and $fly deploy --image OLD"
