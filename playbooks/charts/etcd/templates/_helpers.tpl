{{- define "etcd.name" -}}
{{ default (printf "%s-etcd" .Release.Name) .Values.fullnameOverride }}
{{- end }}

{{- define "etcd.selector" -}}
app.kubernetes.io/name: etcd
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "etcd.labels" -}}
{{ include "etcd.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "etcd.peers" -}}
{{- $name := include "etcd.name" . -}}
{{- $domain := printf "%s-headless.%s.svc.%s" $name .Release.Namespace .Values.clusterDomain -}}
{{- range $i := until (int .Values.replicas) -}}
{{- if $i }},{{ end -}}
{{ $name }}-{{ $i }}=http://{{ $name }}-{{ $i }}.{{ $domain }}:2380
{{- end -}}
{{- end }}
