#!/bin/sh
# Creates the four secrets of the store, or updates them: database-url, msg-url, function-token, routing.
#
#   DATABASE_URL=... MSG_URL=... sh infra/openfaas/secrets.sh [TARGET ...]
#
# TARGET   files               only writes .secrets/ (what `faas-cli local-run` mounts)
#          faas-cli            one OpenFaaS secret each, through the gateway (OPENFAAS_URL)
#          kubectl:NAMESPACE   one Secret `state-sync` with four keys, for the connector or for Knative
# Default: faas-cli kubectl:state-sync
#
# Values pass through files that only you can read, never through arguments. .secrets/ is git-ignored; it keeps what it
# holds, so a second run needs no variables and the token stays the same. FUNCTION_TOKEN: made up if it is not given.
# MIGRATION_DATABASE_URL: the direct one, if DATABASE_URL leads to a pooler. It is a fifth key, for the migration Job alone.
# ROUTING_FILE: your routing file as it is; without it routing.yaml of this repository, its servers replaced by MSG_URL.
set -eu
umask 077
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${SECRETS_DIR:-$root/.secrets}
mkdir -p "$dir"

# keep NAME VALUE: the value if there is one, else what is there already.
keep() {
  if [ -n "$2" ]; then printf '%s' "$2" > "$dir/$1"; fi
  if [ ! -s "$dir/$1" ]; then
    echo "secrets.sh: set $(echo "$1" | tr 'a-z-' 'A-Z_'), $dir/$1 does not exist" >&2
    exit 1
  fi
}

keep database-url "${DATABASE_URL:-}"
keep msg-url "${MSG_URL:-}"
if [ -n "${MIGRATION_DATABASE_URL:-}" ]; then keep migration-database-url "$MIGRATION_DATABASE_URL"; fi
if [ -z "${FUNCTION_TOKEN:-}" ] && [ ! -s "$dir/function-token" ]; then
  FUNCTION_TOKEN=$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')
fi
keep function-token "${FUNCTION_TOKEN:-}"
if [ -n "${ROUTING_FILE:-}" ]; then
  cp "$ROUTING_FILE" "$dir/routing"
else
  # The URL is read from the file, so that a password in it is in no argument either.
  awk 'NR == FNR { url = url $0; next } /^ *url: / { sub(/url: .*/, ""); print $0 "url: \047" url "\047"; next } { print }' \
    "$dir/msg-url" "$root/routing.yaml" > "$dir/routing"
fi

[ $# -gt 0 ] || set -- faas-cli kubectl:state-sync
for target in "$@"; do
  case $target in
    files) ;;
    faas-cli)
      for name in database-url msg-url function-token routing; do
        # It exits 0 even if the gateway refused.
        said=$(faas-cli secret create "$name" --from-file="$dir/$name" --replace)
        case $said in
          *Created:* | *Updated:*) ;;
          *) echo "secrets.sh: $said" >&2; exit 1 ;;
        esac
      done
      ;;
    kubectl:?*)
      namespace=${target#kubectl:}
      direct=$dir/migration-database-url
      [ -s "$direct" ] || direct=$dir/database-url
      # Server-side apply keeps no copy of the values in an annotation.
      kubectl create secret generic state-sync --namespace="$namespace" --dry-run=client -o yaml \
        --from-file="$dir/database-url" --from-file="$dir/msg-url" --from-file="$dir/function-token" \
        --from-file="$dir/routing" --from-file="migration-database-url=$direct" | kubectl apply --server-side --force-conflicts -f -
      ;;
    *)
      echo "secrets.sh: unknown target $target; there are files, faas-cli, kubectl:NAMESPACE" >&2
      exit 2
      ;;
  esac
  echo "secrets: $target done"
done
