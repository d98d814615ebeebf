{{- define "quell.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end -}}
{{- define "quell.labels" -}}
app.kubernetes.io/name: quell
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}
{{- define "quell.selector" -}}
app.kubernetes.io/name: quell
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
{{/* What is asked with: HTTPS where the configuration has http.tls. */}}
{{- define "quell.tls" -}}{{ ((.Values.config.http).tls) | default dict | toJson }}{{- end -}}
{{- define "quell.probe" -}}
{{- $tls := include "quell.tls" .root | fromJson -}}
{{- if $tls.client_ca_file -}}
# Kubernetes shows no certificate, so that it can ask no more than whether somebody listens.
tcpSocket: {port: http}
{{- else -}}
httpGet: {path: {{ .path }}, port: http{{ if $tls }}, scheme: HTTPS{{ end }}}
{{- end -}}
{{- end -}}
{{- define "quell.secret" -}}{{ .Values.existingSecret | default (include "quell.name" .) }}{{- end -}}
