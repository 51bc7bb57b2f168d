#!/bin/sh
# Deploys the Worker with the rooms to Cloudflare, with the project's wrangler or one that npx fetches (Node 20).
#   deploy.sh [--url https://rooms.example.com] [options of `wrangler deploy`, such as --dry-run]
# The Worker is that of partykit/edge/, edge/ or this folder, as its wrangler.jsonc says: docs/edge.md. --url is asked afterwards.
# Exit: 0 the new one runs; 1 the old one runs again; 2 nothing was deployed; 3 it does not answer and could not be taken back.
set -eu
fetched=wrangler@4.86.0
stop() { echo "deploy: $*; nothing was deployed" >&2; exit 2; }

config=
for dir in partykit/edge/ edge/ ''; do
    for name in wrangler.jsonc wrangler.json wrangler.toml; do
        [ -n "$config" ] || [ ! -f "$dir$name" ] || config=$dir$name
    done
done
[ -n "$config" ] || stop "there is no wrangler.jsonc in partykit/edge/, edge/ or here"
url='' dry='' environment=''
i=$#
while [ "$i" -gt 0 ]; do
    word=$1
    shift
    i=$((i - 1))
    case $word in
    --url)
        [ "$i" -gt 0 ] || stop "--url wants an address"
        url=$1
        shift
        i=$((i - 1))
        continue
        ;;
    --dry-run) dry=1 ;;
    --env | -e) environment=${1:-} ;;
    --env=*) environment=${word#--env=} ;;
    esac
    set -- "$@" "$word"
done
if [ -z "$dry" ] && grep -q YOUR-DEPLOYMENT "$config"; then stop "$config still says YOUR-DEPLOYMENT: put the address of your Convex functions there"; fi
wrangler() {
    if [ -x node_modules/.bin/wrangler ]; then node_modules/.bin/wrangler "$@"; else npx --yes "$fetched" "$@"; fi
}

wrangler deploy --config "$config" "$@" || exit 2
[ -n "$url" ] && [ -z "$dry" ] || exit 0
tries=0
until node -e 'fetch(process.argv[1] + "/health", { signal: AbortSignal.timeout(5000) }).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$url"; do
    tries=$((tries + 1))
    if [ "$tries" = "${TRIES:-10}" ]; then
        echo "deploy: $url/health does not answer; going back" >&2
        wrangler rollback --config "$config" ${environment:+--env "$environment"} --yes --message "$url/health did not answer" || exit 3
        exit 1
    fi
    sleep 1
done
echo "deploy: $url answers"
