{{- /* What values.schema.json cannot say, each refused with one sentence and the fix. */ -}}

{{- define "podium.check" -}}
{{- $v := .Values -}}
{{- if not $v.dev.enabled -}}
{{- if and (not $v.database.existingSecret) (not $v.database.host) -}}
{{- fail "No database: set database.existingSecret to a Secret that holds its URL, or database.host; to try Podium out, set dev.enabled=true." -}}
{{- end -}}
{{- if not $v.artifacts.bucket -}}
{{- fail "No bucket: set artifacts.bucket; to try Podium out, set dev.enabled=true." -}}
{{- end -}}
{{- end -}}
{{- if and $v.oidc.issuer (not $v.oidc.clientId) -}}
{{- fail "oidc.issuer is set without oidc.clientId: set it to what the provider calls this server." -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- fail "ingress.enabled without ingress.hosts: list the names that Podium goes by." -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (or (not $v.httpRoute.parentRefs) (not $v.httpRoute.hostnames)) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, the Gateway, and httpRoute.hostnames, the names that Podium goes by." -}}
{{- end -}}
{{- if and $v.backup.enabled (not $v.backup.destination) (not $v.backup.existingClaim) -}}
{{- fail "backup.enabled without a place: set backup.destination to s3://bucket/prefix, or backup.existingClaim." -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas: raise the latter." -}}
{{- end -}}
{{- include "podium.checkSecrets" . -}}
{{- end -}}

{{- /*
A Secret that is not there would leave pods waiting without a word. There is an answer only where there is a cluster to
ask: `helm template` has none, and that shows in the namespace's own account being away, too.
*/ -}}
{{- define "podium.checkSecrets" -}}
{{- if and .Values.checkSecrets (lookup "v1" "ServiceAccount" .Release.Namespace "default") -}}
{{- $root := . -}}
{{- range $wanted := include "podium.wantedSecrets" . | fromYamlArray -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $wanted.name -}}
{{- if not $found -}}
{{- fail (printf "%s: there is no Secret %q in namespace %q. Create it with the key %q, or set checkSecrets=false if it comes later." $wanted.value $wanted.name $root.Release.Namespace $wanted.key) -}}
{{- else if not (hasKey (default dict $found.data) $wanted.key) -}}
{{- fail (printf "%s: the Secret %q in namespace %q has no key %q. Add it, or name the right key in the values." $wanted.value $wanted.name $root.Release.Namespace $wanted.key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "podium.wantedSecrets" -}}
{{- $v := .Values -}}
{{- $wanted := list -}}
{{- if not $v.dev.enabled -}}
{{- if $v.database.existingSecret -}}
{{- $wanted = append $wanted (dict "value" "database.existingSecret" "name" $v.database.existingSecret "key" $v.database.urlKey) -}}
{{- else if $v.database.passwordSecret -}}
{{- $wanted = append $wanted (dict "value" "database.passwordSecret" "name" $v.database.passwordSecret "key" $v.database.passwordKey) -}}
{{- end -}}
{{- if $v.database.caSecret -}}
{{- $wanted = append $wanted (dict "value" "database.caSecret" "name" $v.database.caSecret "key" $v.database.caKey) -}}
{{- end -}}
{{- if $v.artifacts.existingSecret -}}
{{- $wanted = append $wanted (dict "value" "artifacts.existingSecret" "name" $v.artifacts.existingSecret "key" $v.artifacts.accessKeyIdKey) -}}
{{- $wanted = append $wanted (dict "value" "artifacts.existingSecret" "name" $v.artifacts.existingSecret "key" $v.artifacts.secretAccessKeyKey) -}}
{{- end -}}
{{- if $v.artifacts.caSecret -}}
{{- $wanted = append $wanted (dict "value" "artifacts.caSecret" "name" $v.artifacts.caSecret "key" $v.artifacts.caKey) -}}
{{- end -}}
{{- end -}}
{{- if $v.secretKeys.existingSecret -}}
{{- $wanted = append $wanted (dict "value" "secretKeys.existingSecret" "name" $v.secretKeys.existingSecret "key" $v.secretKeys.key) -}}
{{- end -}}
{{- if and $v.oidc.issuer $v.oidc.existingSecret -}}
{{- $wanted = append $wanted (dict "value" "oidc.existingSecret" "name" $v.oidc.existingSecret "key" $v.oidc.clientSecretKey) -}}
{{- end -}}
{{- toYaml $wanted -}}
{{- end -}}
