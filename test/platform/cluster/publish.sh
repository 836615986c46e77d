#!/bin/sh
# publish.sh [COUNT]: makes a state, publishes messages into it through a forwarded port and waits until each is stored once.
set -eu
cd "$(dirname "$0")/../../.."
namespace=${NAMESPACE:-state-sync}
kubectl -n "$namespace" port-forward service/nats 14222:4222 > /dev/null &
nats=$!
kubectl -n "$namespace" port-forward service/postgres 15432:5432 > /dev/null &
postgres=$!
trap 'kill $nats $postgres' EXIT
password=$(kubectl -n "$namespace" get secret postgres -o 'jsonpath={.data.password}' | base64 -d)
NATS_PASSWORD=$(kubectl -n "$namespace" get secret nats-users -o 'jsonpath={.data.NATS_SERVICES_PASSWORD}' | base64 -d)
export NATS_PASSWORD
NATS_USER=services NATS_URL=nats://127.0.0.1:14222 DATABASE_URL="postgresql://postgres:$password@127.0.0.1:15432/postgres" \
  node test/platform/cluster/publish.ts "${1:-1000}"
