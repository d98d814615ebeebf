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
{{/* The configuration with what it leaves out. Helm merges maps of values, so that defaults in
values.yaml would stay beside the streams and sinks of whoever names others. */}}
{{- define "quell.config" -}}
{{- $http := dict "listen" "0.0.0.0:7070" "token_file" "/run/secrets/quell/token" -}}
{{- $is := mergeOverwrite (dict "version" 1 "state_dir" "/var/lib/quell" "http" $http) (deepCopy (.Values.config | default dict)) -}}
{{- if not $is.streams -}}
{{- $_ := set $is "streams" (dict "sensors" (dict "source" (dict "type" "sim" "seed" 1) "sinks" (keys ($is.sinks | default (dict "clean" "")) | sortAlpha))) -}}
{{- end -}}
{{- if not $is.sinks -}}
{{- $_ := set $is "sinks" (dict "clean" (dict "type" "stdout")) -}}
{{- end -}}
{{- toYaml $is -}}
{{- end -}}
{{/* What is asked with: HTTPS where the configuration has http.tls. */}}
{{- define "quell.tls" -}}{{ ((.Values.config | default dict).http).tls | default dict | toJson }}{{- end -}}
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
