{{- /*
The environment of every process of Podium (docs/configuration.md), inline: a hook that runs before an install finds no
ConfigMap of the chart yet.
*/ -}}

{{- define "podium.databaseEnv" -}}
{{- $db := .Values.database -}}
{{- if .Values.dev.enabled }}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "podium.fullname" . }}-dev, key: postgres-password}}
- name: PODIUM_DATABASE_URL
  value: postgresql://podium@{{ include "podium.fullname" . }}-dev-postgres:5432/podium
{{- else if $db.existingSecret }}
- name: PODIUM_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ $db.existingSecret }}, key: {{ $db.urlKey }}}}
{{- else }}
{{- if $db.passwordSecret }}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ $db.passwordSecret }}, key: {{ $db.passwordKey }}}}
{{- end }}
- name: PODIUM_DATABASE_URL
  value: {{ printf "postgresql://%s@%s:%d/%s?sslmode=%s%s" ($db.user | urlquery) $db.host (int $db.port) ($db.name | urlquery) $db.sslMode (include "podium.databaseCa" .) }}
{{- end }}
{{- end -}}

{{- /* verify-ca and verify-full without a CA of one's own believe those the image trusts. */ -}}
{{- define "podium.databaseCa" -}}
{{- if .Values.database.caSecret -}}
&sslrootcert=/etc/podium/database-ca/{{ .Values.database.caKey }}
{{- else if hasPrefix "verify-" .Values.database.sslMode -}}
&sslrootcert=system
{{- end -}}
{{- end -}}

{{- define "podium.artifactsEnv" -}}
{{- $s3 := .Values.artifacts -}}
{{- if .Values.dev.enabled }}
- {name: PODIUM_ARTIFACTS, value: "s3://podium/artifacts"}
- {name: PODIUM_S3_ENDPOINT, value: "http://{{ include "podium.fullname" . }}-dev-s3:8333"}
- {name: AWS_DEFAULT_REGION, value: us-east-1}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ include "podium.fullname" . }}-dev, key: access-key-id}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ include "podium.fullname" . }}-dev, key: secret-access-key}}
{{- else }}
- {name: PODIUM_ARTIFACTS, value: {{ printf "s3://%s" (list $s3.bucket $s3.prefix | compact | join "/") | quote }}}
- {name: AWS_DEFAULT_REGION, value: {{ $s3.region | quote }}}
{{- with $s3.endpoint }}
- {name: PODIUM_S3_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- if $s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ $s3.existingSecret }}, key: {{ $s3.accessKeyIdKey }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $s3.existingSecret }}, key: {{ $s3.secretAccessKeyKey }}}}
{{- end }}
{{- if $s3.caSecret }}
- {name: AWS_CA_BUNDLE, value: /etc/podium/artifacts-ca/{{ $s3.caKey }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "podium.env" -}}
{{- include "podium.databaseEnv" . }}
{{- include "podium.artifactsEnv" . }}
- {name: PODIUM_AUTH, value: required}
- {name: PODIUM_ALLOWED_HOSTS, value: {{ include "podium.hosts" . | quote }}}
- {name: PODIUM_PROXIES, value: {{ include "podium.proxies" . | quote }}}
- {name: PODIUM_LOG_LEVEL, value: {{ .Values.settings.logLevel }}}
- {name: PODIUM_RATE_LIMIT, value: {{ .Values.settings.rateLimit | int | quote }}}
{{- with .Values.settings.webhookAllow }}
- {name: PODIUM_WEBHOOK_ALLOW, value: {{ join "," . | quote }}}
{{- end }}
{{- if .Values.secretKeys.existingSecret }}
- {name: PODIUM_SECRET_KEYS_FILE, value: /etc/podium/secret-keys/{{ .Values.secretKeys.key }}}
{{- end }}
{{- if .Values.launches.enabled }}
- {name: PODIUM_LAUNCH_SITE, value: /etc/podium/launch/site.yaml}
{{- end }}
{{- include "podium.oidcEnv" . }}
{{- with .Values.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "podium.oidcEnv" -}}
{{- with .Values.oidc }}
{{- if .issuer }}
- {name: PODIUM_OIDC_ISSUER, value: {{ .issuer | quote }}}
- {name: PODIUM_OIDC_CLIENT_ID, value: {{ .clientId | quote }}}
- {name: PODIUM_OIDC_SCOPES, value: {{ .scopes | quote }}}
- {name: PODIUM_OIDC_GROUPS_CLAIM, value: {{ .groupsClaim | quote }}}
{{- if .roles }}
- {name: PODIUM_OIDC_ROLES, value: {{ join "," .roles | quote }}}
{{- end }}
{{- if .existingSecret }}
- {name: PODIUM_OIDC_CLIENT_SECRET_FILE, value: /etc/podium/oidc/{{ .clientSecretKey }}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* Every name the web pods may be asked by; loopback is for `kubectl port-forward`. */ -}}
{{- define "podium.hosts" -}}
{{- $service := include "podium.fullname" . -}}
{{- $inside := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- $outside := concat (ternary .Values.ingress.hosts list .Values.ingress.enabled) (ternary .Values.httpRoute.hostnames list .Values.httpRoute.enabled) -}}
{{- concat $outside $inside (list "localhost" "127.0.0.1") .Values.settings.allowedHosts | uniq | join "," -}}
{{- end -}}

{{- define "podium.proxies" -}}
{{- if kindIs "invalid" .Values.settings.proxies -}}
{{- ternary 1 0 (or .Values.ingress.enabled .Values.httpRoute.enabled) -}}
{{- else -}}
{{- int .Values.settings.proxies -}}
{{- end -}}
{{- end -}}
