#!/bin/sh
# `faas-cli build` wants template/dockerfile/template.yml even for `lang: dockerfile` and pulls it where it is missing.
# This writes the one line that the file holds, for machines without a way to GitHub. Run in the repository's root.
set -eu
mkdir -p template/dockerfile
echo 'language: dockerfile' > template/dockerfile/template.yml
