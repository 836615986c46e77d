#!/bin/sh
# Installs or upgrades the chart with the trial's values; further arguments go to helm: --set settings.LOG_LEVEL=WARNING
set -eu
cd "$(dirname "$0")/../../.."
namespace=${NAMESPACE:-state-sync}
helm upgrade --install store infra/helm --namespace "$namespace" --values test/platform/cluster/values.yaml "$@"
for workload in statefulset/postgres statefulset/nats deployment/pgbouncer; do
  kubectl -n "$namespace" rollout status "$workload" --timeout=5m
done
kubectl -n "$namespace" wait --for=condition=complete job --all --timeout=5m
