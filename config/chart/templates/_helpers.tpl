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

{{- define "secretsync.labels" -}}
{{ include "secretsync.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "secretsync.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The rules of the operator, generated from its code. */}}
{{- define "secretsync.rules" -}}
{{- (.Files.Get "files/role.yaml" | fromYaml).rules | toYaml -}}
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
{{- $operator := printf "system:serviceaccount:%s:%s" $chart.Release.Namespace (include "secretsync.serviceAccountName" $chart) -}}
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

{{/* The volumes of the hook for change events, and their mounts. */}}
{{- define "secretsync.hookVolumes" -}}
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
{{- end -}}

{{- define "secretsync.hookMounts" -}}
{{- with .Values.changeEvents.hook -}}
{{- if .enabled }}
- {name: change-hook, mountPath: /var/run/secrets/change-hook, readOnly: true}
{{- if .certSecret }}
- {name: change-hook-cert, mountPath: /var/run/secrets/change-hook-cert, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
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
