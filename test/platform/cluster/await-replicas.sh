#!/bin/sh
# await-replicas.sh zero|some [SECONDS]: waits until no pod of connector and functions is there, or one of the connector's is.
set -eu
namespace=${NAMESPACE:-state-sync}
wanted=${1:?zero or some}
left=${2:-400}
selector='app in (connector,state-direct,state-route,state-entry)'
[ "$wanted" = zero ] || selector=app=connector
while :; do
  pods=$(kubectl -n "$namespace" get pods --selector "$selector" --output name | wc -l)
  case $wanted in
    zero) [ "$pods" -gt 0 ] || break ;;
    some) [ "$pods" -eq 0 ] || break ;;
    *) echo "await-replicas.sh: zero or some" >&2; exit 2 ;;
  esac
  left=$((left - 2))
  if [ "$left" -lt 0 ]; then
    echo "await-replicas.sh: $pods pods of $selector are there, $wanted were waited for" >&2
    kubectl -n "$namespace" get pods,scaledobjects >&2
    exit 1
  fi
  sleep 2
done
echo "replicas: $wanted"
