#!/bin/sh
# Makes the container image of the program and loads it, and sends it to a registry if asked.
#   deploy.sh [NAME:TAG] [--push]        partyd:latest
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tag=partyd:latest push=
for word in "$@"; do
    case $word in
    --push) push=1 ;;
    -*) echo "usage: deploy docker [NAME:TAG] [--push]" >&2; exit 2 ;;
    *) tag=$word ;;
    esac
done
tool=
for each in docker podman; do command -v "$each" >/dev/null && tool=$each && break; done
[ -n "$tool" ] || { echo "deploy: docker loads with docker or podman, and neither is on PATH" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node "$here/docker/image.mjs" "${PARTYD_PROGRAM:?PARTYD_PROGRAM names the binary}" "$work/image.tar" "$tag"
"$tool" load -i "$work/image.tar"
[ -z "$push" ] || "$tool" push "$tag"
echo "run it: $tool run -d --name partyd -p 127.0.0.1:1999:1999 -v partyd:/data -e PARTYD_AUTH=ticket -e PARTYD_TICKET_SECRET $tag"
