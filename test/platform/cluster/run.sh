#!/bin/sh
# The whole way on a cluster that is there: install, publish, to zero and back, upgrade, roll back. `kind` and Docker make one:
#   kind create cluster --config test/platform/cluster/kind.yaml --wait 2m && sh test/platform/cluster/run.sh
set -eu
cd "$(dirname "$0")"
sh ./images.sh
sh ./install.sh
sh ./publish.sh 1000
sh ./await-replicas.sh zero
sh ./publish.sh 1
sh ./await-replicas.sh some 10
sh ./upgrade.sh --set settings.LOG_LEVEL=WARNING
sh ./publish.sh 1000
helm rollback store --namespace "${NAMESPACE:-state-sync}"
sh ./publish.sh 1000
sh ./await-replicas.sh zero
