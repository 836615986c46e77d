#!/bin/sh
# Builds the five images and puts them onto the nodes of the kind cluster.
set -eu
cd "$(dirname "$0")/../../.."
REGISTRY=state-sync.local VERSION=trial docker buildx bake -f infra/image/docker-bake.hcl --load
for image in state-direct state-route state-entry manage state-connector; do
  kind load docker-image "state-sync.local/$image:trial"
done
