# All five images by one command, in the repository's root:
#   docker buildx bake -f infra/image/docker-bake.hcl
# and for both processors, pushed, with SBOM and provenance:
#   REGISTRY=ghcr.io/you VERSION=0.1.0 docker buildx bake -f infra/image/docker-bake.hcl --push release
# The bundle is built once for each function, on the builder's own processor; only the compile cache is made for each.

variable "REGISTRY" {
  default = "ghcr.io/alethic-ism"
}

# A version by its tag. There is no `latest`.
variable "VERSION" {
  default = "dev"
}

# The commit, and where its source is: labels of the image.
variable "REVISION" {
  default = ""
}

variable "SOURCE" {
  default = "https://github.com/alethic-ism/state-sync-store"
}

# Pins the base image: node@sha256:...
variable "NODE_IMAGE" {
  default = "node:24.21.0-bookworm-slim"
}

# Each image with the bundle in it: infra/image/build.ts.
function "bundle" {
  params = [image]
  result = image == "state-connector" ? "connector" : image
}

group "default" {
  targets = ["image"]
}

group "release" {
  targets = ["published"]
}

target "_common" {
  context    = "."
  dockerfile = "infra/image/Dockerfile"
}

target "image" {
  inherits = ["_common"]
  name     = image
  matrix = {
    image = ["state-direct", "state-route", "state-entry", "manage", "state-connector"]
  }
  args = {
    FUNCTION   = bundle(image)
    NODE_IMAGE = NODE_IMAGE
  }
  tags = ["${REGISTRY}/${image}:${VERSION}"]
  labels = {
    "org.opencontainers.image.title"    = image
    "org.opencontainers.image.version"  = VERSION
    "org.opencontainers.image.revision" = REVISION
    "org.opencontainers.image.source"   = SOURCE
    "org.opencontainers.image.licenses" = "AGPL-3.0-only"
  }
}

target "published" {
  name     = "${image}-release"
  inherits = [image]
  matrix = {
    image = ["state-direct", "state-route", "state-entry", "manage", "state-connector"]
  }
  platforms = ["linux/amd64", "linux/arm64"]
  attest = [
    "type=sbom",
    "type=provenance,mode=max",
  ]
}
