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
{{- define "quell.secret" -}}{{ .Values.existingSecret | default (include "quell.name" .) }}{{- end -}}
