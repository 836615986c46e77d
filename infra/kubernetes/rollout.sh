#!/bin/sh
# Installs or upgrades: the schema first, then everything else. If the migration fails, nothing else is touched.
#
#   sh infra/kubernetes/rollout.sh OVERLAY        a folder below infra/kubernetes, such as overlays/knative
#
# TIMEOUT (10m) is for each of its steps. The secrets come first: infra/openfaas/secrets.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
overlay=${1:?names a folder below infra/kubernetes, such as overlays/knative}
timeout=${TIMEOUT:-10m}
[ -f "$here/$overlay/kustomization.yaml" ] || { echo "rollout.sh: there is no $here/$overlay/kustomization.yaml" >&2; exit 2; }

echo "rollout: the schema"
job=$(kubectl apply -k "$here/migration" -o name | grep '^job')
kubectl --namespace=state-sync wait --for=condition=complete "$job" --timeout="$timeout" || {
  echo "rollout.sh: the migration is not complete, so nothing else was changed: kubectl -n state-sync logs $job" >&2
  exit 1
}

echo "rollout: $overlay"
kubectl apply -k "$here/$overlay"
for part in $(kubectl --namespace=state-sync get deployments,statefulsets -l app.kubernetes.io/part-of=state-sync -o name); do
  kubectl --namespace=state-sync rollout status "$part" --timeout="$timeout"
done
echo "rollout: done"
