{{/* Every object that a folder's kustomization lists. Dict: root, folder, and optionally hook (annotations of every object). */}}
{{- define "state-sync.folder" -}}
{{- $root := .root -}}
{{- $base := printf "files/%s" .folder -}}
{{- $kustomization := $root.Files.Get (printf "%s/kustomization.yaml" $base) | fromYaml -}}
{{- if hasKey $kustomization "Error" }}{{ fail (printf "%s: %s" $base $kustomization.Error) }}{{ end -}}
{{- $hook := .hook | default dict -}}
{{- $maps := list -}}
{{- range $generator := $kustomization.configMapGenerator -}}
{{- $data := dict -}}
{{- range $generator.files -}}
{{- $_ := set $data (base .) ($root.Files.Get (printf "%s/%s" $base .)) -}}
{{- end -}}
{{- /* What it adds to is made by a folder among the resources. */ -}}
{{- if eq ($generator.behavior | default "create") "merge" -}}
{{- range $resource := $kustomization.resources -}}
{{- if not (hasSuffix ".yaml" $resource) -}}
{{- $other := printf "files/%s" (base $resource) -}}
{{- range ($root.Files.Get (printf "%s/kustomization.yaml" $other) | fromYaml).configMapGenerator -}}
{{- if eq .name $generator.name }}{{ range .files }}{{ $_ := set $data (base .) ($root.Files.Get (printf "%s/%s" $other .)) }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $maps = append $maps (dict "apiVersion" "v1" "kind" "ConfigMap" "metadata" (dict "name" $generator.name) "data" $data) -}}
{{- end -}}
{{- /* A hook's ConfigMap goes before the Job that reads it. */ -}}
{{- $mapHook := ternary (merge (dict "helm.sh/hook-weight" "-1") $hook) dict (not (empty $hook)) -}}
{{- range $maps -}}
{{- include "state-sync.object" (dict "root" $root "object" . "hook" $mapHook) -}}
{{- end -}}
{{- range $file := $kustomization.resources -}}
{{- if hasSuffix ".yaml" $file -}}
{{- range $text := regexSplit "(?m)^---\\s*$" ($root.Files.Get (printf "%s/%s" $base $file)) -1 -}}
{{- $object := fromYaml $text -}}
{{- if hasKey $object "Error" }}{{ fail (printf "%s/%s: %s" $base $file $object.Error) }}{{ end -}}
{{- if $object.kind -}}
{{- include "state-sync.object" (dict "root" $root "object" $object "hook" $hook "config" ($maps | toJson)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* One object with the values in it, as a YAML document. Dict: root, object, hook, config (what its pod reads, for a checksum). */}}
{{- define "state-sync.object" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $object := .object -}}
{{- $isPolicy := eq $object.kind "NetworkPolicy" -}}
{{- $isOff := and (eq $object.kind "ScaledObject") (eq $object.metadata.name "connector") (not $values.scaling.connector) -}}
{{- $isUnneeded := and (eq $object.kind "ExternalSecret") (eq $object.metadata.name "nats-users") (not $values.nats.enabled) -}}
{{- if not (or $isOff $isUnneeded (eq $object.kind "Namespace") (and $isPolicy (not $values.networkPolicies.enabled))) -}}
{{- $namespace := $object.metadata.namespace | default "state-sync" -}}
{{- $_ := set $object.metadata "namespace" (ternary $root.Release.Namespace $namespace (eq $namespace "state-sync")) -}}
{{- $labels := dict "app.kubernetes.io/part-of" "state-sync" "app.kubernetes.io/managed-by" $root.Release.Service "app.kubernetes.io/instance" $root.Release.Name "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version) -}}
{{- $_ := set $object.metadata "labels" (mustMergeOverwrite (deepCopy ($object.metadata.labels | default dict)) $labels $values.labels) -}}
{{- if .hook }}{{ $_ := set $object.metadata "annotations" (mustMergeOverwrite (deepCopy ($object.metadata.annotations | default dict)) .hook) }}{{ end -}}
{{- $template := (($object.spec | default dict).template | default dict) -}}
{{- if and (kindIs "map" $template) $template.spec -}}
{{- include "state-sync.pod" (dict "root" $root "object" $object "config" .config) -}}
{{- end -}}
{{- /* A Job cannot be changed: a new content is a new Job. A hook is replaced before it is made. */ -}}
{{- if and (eq $object.kind "Job") (not .hook) -}}
{{- $_ := set $object.metadata "name" (printf "%s-%s" $object.metadata.name (trunc 8 (sha256sum (toJson $object.spec)))) -}}
{{- end -}}
{{- if eq $object.kind "StatefulSet" }}{{ include "state-sync.storage" (dict "root" $root "object" $object) }}{{ end -}}
{{- if eq $object.kind "ServiceAccount" }}{{ include "state-sync.serviceAccount" (dict "root" $root "object" $object) }}{{ end -}}
{{- if eq $object.kind "ExternalSecret" }}{{ include "state-sync.externalSecret" (dict "root" $root "object" $object) }}{{ end -}}
{{- if and $values.nats.enabled $values.nats.tls.enabled }}{{ include "state-sync.natsTls" (dict "root" $root "object" $object) }}{{ end -}}
{{- if eq $object.kind "ScaledObject" }}{{ include "state-sync.scaledObject" (dict "root" $root "object" $object) }}{{ end -}}
{{- if and (eq $object.metadata.name "pgbouncer-config") $values.pgbouncer }}{{ include "state-sync.pgbouncer" (dict "root" $root "object" $object) }}{{ end -}}
{{- if hasPrefix "monitoring.coreos.com/" $object.apiVersion -}}
{{- $_ := set $object.metadata "labels" (mustMergeOverwrite (deepCopy $object.metadata.labels) $values.monitoring.labels) -}}
{{- end }}
---
{{ include "state-sync.names" (dict "root" $root "text" (toYaml $object)) }}
{{ end -}}
{{- end -}}

{{/* The names of another namespace and domain in addresses, of other namespaces in policies. Dict: root, text. */}}
{{- define "state-sync.names" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $text := regexReplaceAll "\\.state-sync\\.svc\\.cluster\\.local" .text (printf ".%s.svc.%s" $namespace .root.Values.clusterDomain) -}}
{{- $text = regexReplaceAll "(//[a-z-]+)\\.state-sync([:/\\s'\"])" $text (printf "${1}.%s${2}" $namespace) -}}
{{- $text = regexReplaceAll "http://gateway\\.openfaas:8080" $text .root.Values.openfaas.gateway -}}
{{- $text = replace "169.254.20.10/32" (printf "%s/32" .root.Values.networkPolicies.nodelocalAddress) $text -}}
{{- range $from, $to := .root.Values.namespaces -}}
{{- $text = regexReplaceAll (printf "(kubernetes\\.io/metadata\\.name: )%s\n" $from) $text (printf "${1}%s\n" $to) -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* What `pods`, `functions` and `workloads` say of one workload, as YAML. Dict: root, name. */}}
{{- define "state-sync.workload" -}}
{{- $values := .root.Values -}}
{{- $merged := deepCopy $values.pods -}}
{{- if has .name (list "state-direct" "state-route" "state-entry" "manage") }}{{ $merged = mustMergeOverwrite $merged (deepCopy $values.functions) }}{{ end -}}
{{- $merged = mustMergeOverwrite $merged (deepCopy ((get $values.workloads .name) | default dict)) -}}
{{- toYaml $merged -}}
{{- end -}}

{{/* The image of one of ours. Dict: root, name. */}}
{{- define "state-sync.image" -}}
{{- $images := .root.Values.images -}}
{{- $digest := get $images.digests .name -}}
{{- $repository := printf "%s/%s" (trimSuffix "/" $images.registry) .name -}}
{{- if $digest }}{{ printf "%s@%s" $repository $digest }}{{ else }}{{ printf "%s:%s" $repository ($images.tag | default .root.Chart.AppVersion) }}{{ end -}}
{{- end -}}

{{/* Sets image, settings, resources, scheduling and account in a pod's template. Dict: root, object, config. */}}
{{- define "state-sync.pod" -}}
{{- $root := .root -}}
{{- $object := .object -}}
{{- $values := $root.Values -}}
{{- $name := $object.metadata.name -}}
{{- $own := include "state-sync.workload" (dict "root" $root "name" $name) | fromYaml -}}
{{- $template := $object.spec.template -}}
{{- $pod := $template.spec -}}
{{- $isKnative := hasPrefix "serving.knative.dev/" $object.apiVersion -}}
{{- $isOurs := false -}}
{{- range $container := $pod.containers -}}
{{- $image := $container.image | toString -}}
{{- if hasPrefix "ghcr.io/alethic-ism/" $image -}}
{{- $isOurs = true -}}
{{- $bare := $image | trimPrefix "ghcr.io/alethic-ism/" | regexFind "^[a-z-]+" -}}
{{- $_ := set $container "image" (include "state-sync.image" (dict "root" $root "name" $bare)) -}}
{{- with $values.images.pullPolicy }}{{ $_ := set $container "imagePullPolicy" . }}{{ end -}}
{{- $settings := mustMergeOverwrite (deepCopy $values.settings) (deepCopy ($own.settings | default dict)) -}}
{{- $env := list -}}
{{- range $container.env }}{{ if not (hasKey $settings .name) }}{{ $env = append $env . }}{{ end }}{{ end -}}
{{- range $key, $value := $settings }}{{ if not (kindIs "invalid" $value) }}{{ $env = append $env (dict "name" $key "value" (toString $value)) }}{{ end }}{{ end -}}
{{- $_ := set $container "env" $env -}}
{{- end -}}
{{- with $own.resources }}{{ $_ := set $container "resources" (mustMergeOverwrite (deepCopy ($container.resources | default dict)) .) }}{{ end -}}
{{- end -}}
{{- if or (not $isKnative) $values.knative.podSpecFeatures -}}
{{- range $field := list "tolerations" "priorityClassName" "nodeSelector" "affinity" "topologySpreadConstraints" -}}
{{- with get $own $field }}{{ $_ := set $pod $field . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $own.serviceAccountName }}{{ $_ := set $pod "serviceAccountName" . }}{{ end -}}
{{- if $isOurs -}}
{{- with $values.images.pullSecrets -}}
{{- $secrets := list }}{{ range . }}{{ $secrets = append $secrets (dict "name" .) }}{{ end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- end -}}
{{- range $container := $pod.containers -}}
{{- range $container.envFrom -}}
{{- if eq ((.secretRef | default dict).name | default "") "nats-users" }}{{ $_ := set .secretRef "name" $values.nats.usersSecretName }}{{ end -}}
{{- end -}}
{{- range $container.env -}}
{{- $reference := ((.valueFrom | default dict).secretKeyRef | default dict) -}}
{{- if eq ($reference.name | default "") "state-sync" }}{{ $_ := set $reference "name" $values.secretName }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $pod.volumes -}}
{{- range ((.projected | default dict).sources | default list) -}}
{{- if .secret }}{{ if eq (.secret.name | default "") "state-sync" }}{{ $_ := set .secret "name" $values.secretName }}{{ end }}{{ end -}}
{{- end -}}
{{- if .secret }}{{ if eq (.secret.secretName | default "") "state-sync" }}{{ $_ := set .secret "secretName" $values.secretName }}{{ end }}{{ end -}}
{{- if and .secret (eq $name "postgres") }}{{ $_ := set .secret "secretName" $values.postgres.passwordSecretName }}{{ end -}}
{{- end -}}
{{- if not $template.metadata }}{{ $_ := set $template "metadata" dict }}{{ end -}}
{{- with $own.labels }}{{ $_ := set $template.metadata "labels" (mustMergeOverwrite (deepCopy .) ($template.metadata.labels | default dict)) }}{{ end -}}
{{- $annotations := mustMergeOverwrite (deepCopy ($template.metadata.annotations | default dict)) (deepCopy ($own.annotations | default dict)) -}}
{{- if and .config (ne .config "[]") }}{{ $_ := set $annotations "checksum/config" (sha256sum .config) }}{{ end -}}
{{- if $isKnative -}}
{{- if hasKey $own "minReplicas" }}{{ $_ := set $annotations "autoscaling.knative.dev/min-scale" (toString $own.minReplicas) }}{{ end -}}
{{- if hasKey $own "maxReplicas" }}{{ $_ := set $annotations "autoscaling.knative.dev/max-scale" (toString $own.maxReplicas) }}{{ end -}}
{{- end -}}
{{- if $annotations }}{{ $_ := set $template.metadata "annotations" $annotations }}{{ end -}}
{{- if and (has $object.kind (list "Deployment" "StatefulSet")) (hasKey $own "replicas") }}{{ $_ := set $object.spec "replicas" $own.replicas }}{{ end -}}
{{- if eq $name "connector" }}{{ include "state-sync.connector" . }}{{ end -}}
{{- end -}}

{{/* The connector finds the functions where the target has them; KEDA alone says how many connectors there are. */}}
{{- define "state-sync.connector" -}}
{{- $values := .root.Values -}}
{{- if ne $values.target "openfaas" -}}
{{- range $container := .object.spec.template.spec.containers -}}
{{- $env := list -}}
{{- $isSet := false -}}
{{- range $container.env -}}
{{- if eq .name "FUNCTION_URL_TEMPLATE" }}{{ $isSet = true }}{{ end -}}
{{- if ne .name "GATEWAY_URL" }}{{ $env = append $env . }}{{ end -}}
{{- end -}}
{{- if not $isSet }}{{ $env = append $env (dict "name" "FUNCTION_URL_TEMPLATE" "value" "http://{name}.state-sync.svc.cluster.local") }}{{ end -}}
{{- $_ := set $container "env" $env -}}
{{- end -}}
{{- end -}}
{{- if and (eq $values.target "deployment") (eq $values.scaling.by "keda") $values.scaling.connector }}{{ $_ := unset .object.spec "replicas" }}{{ end -}}
{{- end -}}

{{/* Size and class of the disks of NATS and of the database for trials. */}}
{{- define "state-sync.storage" -}}
{{- $own := get .root.Values .object.metadata.name | default dict -}}
{{- range .object.spec.volumeClaimTemplates -}}
{{- if $own.storage }}{{ $_ := set .spec.resources.requests "storage" $own.storage }}{{ end -}}
{{- if $own.storageClassName }}{{ $_ := set .spec "storageClassName" $own.storageClassName }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The broker's TLS: what the component nats-tls adds to its ConfigMap and its pods. */}}
{{- define "state-sync.natsTls" -}}
{{- $object := .object -}}
{{- $files := .root.Files -}}
{{- $base := "files/kubernetes/components/nats-tls" -}}
{{- if and (eq $object.kind "ConfigMap") (eq $object.metadata.name "nats-config") -}}
{{- range ($files.Get (printf "%s/kustomization.yaml" $base) | fromYaml).configMapGenerator -}}
{{- range .files }}{{ $_ := set $object.data . ($files.Get (printf "%s/%s" $base .)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (eq $object.kind "StatefulSet") (eq $object.metadata.name "nats") -}}
{{- $added := ($files.Get (printf "%s/nats.yaml" $base) | fromYaml).spec.template.spec -}}
{{- range $added.volumes }}{{ $_ := set .secret "secretName" $.root.Values.nats.tls.secretName }}{{ end -}}
{{- $pod := $object.spec.template.spec -}}
{{- $_ := set $pod "volumes" (concat $added.volumes $pod.volumes) -}}
{{- range $container := $pod.containers -}}
{{- range $added.containers -}}
{{- if eq .name $container.name }}{{ $_ := set $container "volumeMounts" (concat .volumeMounts $container.volumeMounts) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* From which store, which path, and into which Secret. */}}
{{- define "state-sync.externalSecret" -}}
{{- $values := .root.Values -}}
{{- $own := $values.externalSecrets -}}
{{- $spec := .object.spec -}}
{{- $name := ternary $values.nats.usersSecretName $values.secretName (eq .object.metadata.name "nats-users") -}}
{{- $_ := set .object.metadata "name" $name -}}
{{- $_ := set $spec.target "name" $name -}}
{{- $_ := set $spec "refreshInterval" $own.refreshInterval -}}
{{- $_ := set $spec "secretStoreRef" $own.secretStore -}}
{{- range $spec.dataFrom }}{{ $_ := set .extract "key" (printf "%s/nats-users" $own.path) }}{{ end -}}
{{- if $spec.data -}}
{{- $keys := $own.keys -}}
{{- if not $keys }}{{ range $spec.data }}{{ $keys = append $keys .secretKey }}{{ end }}{{ end -}}
{{- if and $values.nats.enabled $values.nats.tls.enabled }}{{ $keys = append $keys "nats-ca" | uniq }}{{ end -}}
{{- $data := list -}}
{{- range $keys }}{{ $data = append $data (dict "secretKey" . "remoteRef" (dict "key" $own.path "property" .)) }}{{ end -}}
{{- $_ := set $spec "data" $data -}}
{{- end -}}
{{- end -}}

{{- define "state-sync.serviceAccount" -}}
{{- with (get .root.Values.serviceAccounts .object.metadata.name) }}{{ $_ := set $.object.metadata "annotations" . }}{{ end -}}
{{- end -}}

{{/* Bounds and endpoint of a ScaledObject. */}}
{{- define "state-sync.scaledObject" -}}
{{- $root := .root -}}
{{- $spec := .object.spec -}}
{{- $own := include "state-sync.workload" (dict "root" $root "name" .object.metadata.name) | fromYaml -}}
{{- if hasKey $own "minReplicas" }}{{ $_ := set $spec "minReplicaCount" $own.minReplicas }}{{ end -}}
{{- if hasKey $own "maxReplicas" }}{{ $_ := set $spec "maxReplicaCount" $own.maxReplicas }}{{ end -}}
{{- range $spec.triggers -}}
{{- if $root.Values.scaling.natsMonitoringEndpoint }}{{ $_ := set .metadata "natsServerMonitoringEndpoint" $root.Values.scaling.natsMonitoringEndpoint }}{{ end -}}
{{- if $root.Values.scaling.natsAccount }}{{ $_ := set .metadata "account" $root.Values.scaling.natsAccount }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* The database behind the pooler: yours, or the one brought along. */}}
{{- define "state-sync.pgbouncer" -}}
{{- $values := .root.Values -}}
{{- $host := $values.pgbouncer.host | default (ternary "postgres" "postgres.database" $values.postgres.enabled) -}}
{{- $port := $values.pgbouncer.port | default "5432" -}}
{{- $_ := set .object.data "pgbouncer.ini" (index .object.data "pgbouncer.ini" | replace "host=postgres.database port=5432" (printf "host=%s port=%v" $host $port)) -}}
{{- end -}}
