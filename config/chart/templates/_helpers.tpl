{{- define "secretsync.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "secretsync.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "secretsync.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "secretsync.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "secretsync.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "secretsync.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "secretsync.selectorLabels" -}}
app.kubernetes.io/name: {{ include "secretsync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The namespace of the operator. */}}
{{- define "secretsync.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* Labels of an object. Arguments: the chart, and labels of this object, which do not override those of the chart. */}}
{{- define "secretsync.labelsWith" -}}
{{- $chart := index . 0 -}}
{{- $own := include "secretsync.selectorLabels" $chart | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" $chart.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" $chart.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $chart.Chart.Name $chart.Chart.Version) -}}
{{- toYaml (merge $own (index . 1) $chart.Values.commonLabels) -}}
{{- end -}}

{{- define "secretsync.labels" -}}
{{- include "secretsync.labelsWith" (list . dict) -}}
{{- end -}}

{{/* The image. global.imageRegistry replaces the registry of image.repository, if its first part is one. */}}
{{- define "secretsync.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.global.imageRegistry -}}
{{- $parts := splitList "/" $repository -}}
{{- if regexMatch "[.:]|^localhost$" (first $parts) }}{{ $parts = rest $parts }}{{ end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (join "/" $parts) -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The rules of the operator, generated from its code. */}}
{{- define "secretsync.rules" -}}
{{- (.Files.Get "files/role.yaml" | fromYaml).rules | toYaml -}}
{{- end -}}

{{/* The rules for leader election, for the Lease of this release. */}}
{{- define "secretsync.leaderElectionRules" -}}
{{- $rules := (.Files.Get "files/leader-election-role.yaml" | fromYaml).rules -}}
{{- range $rules }}{{ if .resourceNames }}{{ $_ := set . "resourceNames" (list (include "secretsync.fullname" $)) }}{{ end }}{{ end -}}
{{- toYaml $rules -}}
{{- end -}}

{{/* The rules for requesting tokens, for the ServiceAccounts that the values name. */}}
{{- define "secretsync.tokenRules" -}}
{{- $rules := (.Files.Get "files/service-account-tokens-role.yaml" | fromYaml).rules -}}
{{- with .Values.serviceAccountTokens.names -}}
{{- range $rules }}{{ $_ := set . "resourceNames" $.Values.serviceAccountTokens.names }}{{ end -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}

{{/* An admission policy for the operator of this release, with its binding. Arguments: the chart, and the name in files. */}}
{{- define "secretsync.policy" -}}
{{- $chart := index . 0 -}}
{{- $name := printf "%s-%s" (include "secretsync.fullname" $chart) (index . 1) -}}
{{- $operator := printf "system:serviceaccount:%s:%s" (include "secretsync.namespace" $chart) (include "secretsync.serviceAccountName" $chart) -}}
{{- $file := $chart.Files.Get (printf "files/%s.yaml" (index . 1)) | replace "system:serviceaccount:secretsync-system:secretsync" $operator }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "secretsync.labels" $chart | nindent 4 }}
spec: {{- ($file | splitList "\n---\n" | first | fromYaml).spec | toYaml | nindent 2 }}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ $name }}
  labels: {{- include "secretsync.labels" $chart | nindent 4 }}
spec:
  policyName: {{ $name }}
  validationActions: [Deny]
{{- end -}}

{{/* The volumes of the hook for change events and of the metrics, and their mounts. */}}
{{- define "secretsync.volumes" -}}
{{- with .Values.changeEvents.hook -}}
{{- if .enabled }}
- name: change-hook
  secret:
    secretName: {{ required "changeEvents.hook.tokenSecret must name the Secret whose key \"token\" senders of change events bear" .tokenSecret }}
    items: [{key: token, path: token}]
{{- with .certSecret }}
- name: change-hook-cert
  secret: {secretName: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
{{- with include "secretsync.metricsSecret" . }}
- name: metrics-cert
  secret: {secretName: {{ . }}}
{{- end }}
{{- end -}}

{{- define "secretsync.mounts" -}}
{{- with .Values.changeEvents.hook -}}
{{- if .enabled }}
- {name: change-hook, mountPath: /var/run/secrets/change-hook, readOnly: true}
{{- if .certSecret }}
- {name: change-hook-cert, mountPath: /var/run/secrets/change-hook-cert, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
{{- if include "secretsync.metricsSecret" . }}
- {name: metrics-cert, mountPath: /var/run/secrets/metrics-cert, readOnly: true}
{{- end }}
{{- end -}}

{{/* The Secret of the certificate for metrics; empty for a self-signed certificate. */}}
{{- define "secretsync.metricsSecret" -}}
{{- with .Values.metrics.certificate -}}
{{- if and $.Values.metrics.enabled (or .secretName .issuerRef) -}}
{{- if not $.Values.metrics.secure }}{{ fail "metrics.certificate needs metrics.secure: true, because plain HTTP has no certificate" }}{{ end -}}
{{- default (printf "%s-metrics-tls" (include "secretsync.fullname" $)) .secretName -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* How Prometheus verifies the certificate for metrics. */}}
{{- define "secretsync.scrapeTLS" -}}
{{- $secret := include "secretsync.metricsSecret" . -}}
{{- $namespace := include "secretsync.namespace" . -}}
{{- with .Values.metrics.serviceMonitor -}}
{{- if .tlsConfig -}}
{{- toYaml .tlsConfig -}}
{{- else if not $secret -}}
insecureSkipVerify: true # The manager creates a self-signed certificate when it starts.
{{- else if and .namespace (ne .namespace $namespace) -}}
{{- fail (printf "metrics.serviceMonitor.tlsConfig is needed: Prometheus reads the CA from the namespace %s of the ServiceMonitor, but the Secret %s is in %s" .namespace $secret $namespace) -}}
{{- else -}}
serverName: {{ include "secretsync.fullname" $ }}-metrics.{{ $namespace }}.svc
ca:
  secret: {name: {{ $secret }}, key: ca.crt}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* With more than one replica, prefer different nodes and zones. */}}
{{- define "secretsync.affinity" -}}
{{- if .Values.affinity -}}
{{- toYaml .Values.affinity -}}
{{- else if gt (int .Values.replicas) 1 -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    podAffinityTerm:
      topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels: {{- include "secretsync.selectorLabels" . | nindent 10 }}
{{- end -}}
{{- end -}}

{{- define "secretsync.topologySpread" -}}
{{- if .Values.topologySpreadConstraints -}}
{{- toYaml .Values.topologySpreadConstraints -}}
{{- else if gt (int .Values.replicas) 1 -}}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "secretsync.selectorLabels" . | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end -}}
{{- end -}}

{{/*
The owner of the CRD, if it is neither absent nor owned by this release: Helm would refuse to import it ("invalid
ownership metadata"). Empty if this release may install the CRD. Without a cluster (helm template), lookup returns
nothing.
*/}}
{{- define "secretsync.otherOwnerOfCRD" -}}
{{- if and .Values.crds.enabled (not .Values.crds.takeOwnership) -}}
{{- with (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "secretsyncs.secretsync.dev").metadata -}}
{{- $name := dig "annotations" "meta.helm.sh/release-name" "" . -}}
{{- $namespace := dig "annotations" "meta.helm.sh/release-namespace" "" . -}}
{{- $helm := and $name (eq "Helm" (dig "labels" "app.kubernetes.io/managed-by" "" .)) -}}
{{- if not $helm -}}
a tool other than Helm
{{- else if or (ne $name $.Release.Name) (ne $namespace $.Release.Namespace) -}}
{{- printf "the Helm release %q in namespace %q" $name $namespace -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
The flags by which this release owns a CRD of another owner. Helm 4 applies on the server, and refuses to change fields
that Helm 3 or another tool has written.
*/}}
{{- define "secretsync.takeCRD" -}}
--take-ownership --set crds.takeOwnership=true
{{- if hasPrefix "v4" .Capabilities.HelmVersion.Version }} --force-conflicts{{ end -}}
{{- end -}}

{{/*
Not empty if the values give the operator no credentials: neither a role of its ServiceAccount, nor one of the variables
in which the AWS SDK finds them. A ServiceAccount that the chart does not create may have a role.
*/}}
{{- define "secretsync.noCredentials" -}}
{{- $variables := list "AWS_ACCESS_KEY_ID" "AWS_ACCESS_KEY" "AWS_WEB_IDENTITY_TOKEN_FILE" "AWS_CONTAINER_CREDENTIALS_FULL_URI"
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" "AWS_PROFILE" "AWS_DEFAULT_PROFILE" "AWS_SHARED_CREDENTIALS_FILE" "AWS_CONFIG_FILE" -}}
{{- $found := or (not .Values.serviceAccount.create) (hasKey .Values.serviceAccount.annotations "eks.amazonaws.com/role-arn") -}}
{{- range .Values.extraEnv }}{{ if has .name $variables }}{{ $found = true }}{{ end }}{{ end -}}
{{- if not $found }}true{{ end -}}
{{- end -}}
