#!/bin/sh
# Installs KEDA and the store. Run again it changes nothing.
set -eu
cd "$(dirname "$0")/../../.."
namespace=${NAMESPACE:-state-sync}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version '~2.20' --namespace keda --create-namespace --wait

kubectl create namespace "$namespace" --dry-run=client -o yaml | kubectl apply -f -
kubectl label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=restricted

# One password, made up once: the database of the trial, the pooler's users and the functions have the same.
if ! kubectl -n "$namespace" get secret postgres > /dev/null 2>&1; then
  od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n' > "$folder/password"
  kubectl -n "$namespace" create secret generic postgres --from-file=password="$folder/password"
else
  kubectl -n "$namespace" get secret postgres -o 'jsonpath={.data.password}' | base64 -d > "$folder/password"
fi
password=$(cat "$folder/password")
printf '"postgres" "%s"\n' "$password" > "$folder/userlist.txt"
kubectl -n "$namespace" create secret generic pgbouncer-users --from-file="$folder/userlist.txt" --dry-run=client -o yaml |
  kubectl apply --server-side --force-conflicts -f -
# The folder keeps them, so that a second run changes no password.
SECRETS_DIR="${SECRETS_DIR:-$PWD/.secrets/trial}" \
  DATABASE_URL="postgresql://postgres:$password@pgbouncer.$namespace:6432/postgres" \
  MIGRATION_DATABASE_URL="postgresql://postgres:$password@postgres.$namespace:5432/postgres" \
  MSG_URL="nats://nats.$namespace:4222" \
  sh infra/openfaas/secrets.sh "kubectl:$namespace"

sh test/platform/cluster/upgrade.sh
