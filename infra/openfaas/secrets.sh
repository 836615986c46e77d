#!/bin/sh
# Creates the secrets of the store, or updates them.
#
#   DATABASE_URL=... MSG_URL=... sh infra/openfaas/secrets.sh [TARGET ...]
#
# TARGET   files               only writes .secrets/ (what `faas-cli local-run` mounts)
#          faas-cli            one OpenFaaS secret each, through the gateway (OPENFAAS_URL)
#          kubectl:NAMESPACE   one Secret `state-sync` with a key each, for the connector, the Jobs and Knative, and the Secret
#                              `nats-users` with the passwords that nats-server checks. The namespace is made if it is missing
# Default: faas-cli kubectl:state-sync
#
# Values pass through files that only you can read, never through arguments. .secrets/ is git-ignored; it keeps what it
# holds, so a second run needs no variables and passwords stay the same.
#
# MIGRATION_DATABASE_URL   the direct one, if DATABASE_URL leads to a pooler; for the migration Job alone
# FUNCTION_TOKEN           made up if it is not given
# ROUTING_FILE             your routing file as it is; without it routing.yaml of this repository, its servers replaced by MSG_URL
#
# Each part enters NATS with a user of its own (infra/kubernetes/nats/users.conf) whose password is made up here, unless you
# bring another way: a user in MSG_URL, or NATS_TOKEN, or a path in NATS_CREDS or NATS_NKEY. NATS_CA, NATS_CERT and NATS_KEY are paths of
# certificates. To make new passwords, delete .secrets/nats-*-password first.
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

# Begins with a letter: nats-server would read some hexadecimal texts as numbers.
make_up() { printf 's%s' "$(od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n')"; }

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

if [ -n "${NATS_TOKEN:-}" ]; then keep nats-token "$NATS_TOKEN"; fi
for name in creds nkey ca cert key; do
  eval "path=\${NATS_$(echo "$name" | tr a-z A-Z):-}"
  if [ -n "$path" ]; then cat "$path" > "$dir/nats-$name"; fi
done
# A part's user at NATS, as a context of the nats tool. Empty where another way is given: that one goes before it.
own_way=$(awk '/@/ { print "url" }' "$dir/msg-url")
for name in token creds nkey; do if [ -s "$dir/nats-$name" ]; then own_way=$name; fi; done
for part in connector functions manage services; do
  if [ ! -s "$dir/nats-$part-password" ]; then make_up > "$dir/nats-$part-password"; fi
  if [ -n "$own_way" ]; then
    printf '{}\n' > "$dir/nats-$part"
  else
    inbox=_INBOX_$part
    if [ "$part" = services ]; then inbox=_INBOX; fi
    awk -v user="$part" -v inbox="$inbox" \
      '{ printf "{ \"user\": \"%s\", \"password\": \"%s\", \"inbox_prefix\": \"%s\" }\n", user, $0, inbox }' \
      "$dir/nats-$part-password" > "$dir/nats-$part"
  fi
done

[ $# -gt 0 ] || set -- faas-cli kubectl:state-sync
for target in "$@"; do
  case $target in
    files) ;;
    faas-cli)
      names='database-url msg-url function-token routing nats-functions nats-manage'
      for name in creds token nkey ca cert key; do
        if [ -s "$dir/nats-$name" ]; then names="$names nats-$name"; fi
      done
      for name in $names; do
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
      kubectl get namespace "$namespace" > /dev/null 2>&1 || kubectl create namespace "$namespace"
      # Server-side apply keeps no copy of the values in an annotation.
      (
        set --
        for name in creds token nkey ca cert key; do
          if [ -s "$dir/nats-$name" ]; then set -- "$@" --from-file="$dir/nats-$name"; fi
        done
        kubectl create secret generic state-sync --namespace="$namespace" --dry-run=client -o yaml \
          --from-file="$dir/database-url" --from-file="$dir/msg-url" --from-file="$dir/function-token" \
          --from-file="$dir/routing" --from-file="migration-database-url=$direct" \
          --from-file="$dir/nats-connector" --from-file="$dir/nats-functions" --from-file="$dir/nats-manage" \
          --from-file="$dir/nats-services" "$@"
      ) | kubectl apply --server-side --force-conflicts -f -
      kubectl create secret generic nats-users --namespace="$namespace" --dry-run=client -o yaml \
        --from-file="NATS_CONNECTOR_PASSWORD=$dir/nats-connector-password" \
        --from-file="NATS_FUNCTIONS_PASSWORD=$dir/nats-functions-password" \
        --from-file="NATS_MANAGE_PASSWORD=$dir/nats-manage-password" \
        --from-file="NATS_SERVICES_PASSWORD=$dir/nats-services-password" | kubectl apply --server-side --force-conflicts -f -
      ;;
    *)
      echo "secrets.sh: unknown target $target; there are files, faas-cli, kubectl:NAMESPACE" >&2
      exit 2
      ;;
  esac
  echo "secrets: $target done"
done
