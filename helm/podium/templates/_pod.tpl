{{- /*
The parts that pods of all components share. A component is called with
  (dict "root" $ "name" "web" "settings" .Values.web)
*/ -}}

{{- define "podium.podMetadata" -}}
labels:
  {{- include "podium.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .name }}
  {{- with .settings.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .settings.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "podium.podSecurity" -}}
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{- define "podium.placement" -}}
{{- with .settings.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
{{- if .settings.topologySpreadConstraints }}
  {{- toYaml .settings.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- $part := . }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "podium.selector" $part.root | nindent 8 }}
        app.kubernetes.io/component: {{ $part.name }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{- /* Of pods that run to their end: they are not spread, and wait for no priority. */ -}}
{{- define "podium.jobPlacement" -}}
{{- with .settings.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "podium.containerBasics" -}}
image: {{ include "podium.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{- define "podium.databaseMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if and .Values.database.caSecret (not .Values.dev.enabled) }}
- {name: database-ca, mountPath: /etc/podium/database-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "podium.mounts" -}}
{{- include "podium.databaseMounts" . }}
{{- if and .Values.artifacts.caSecret (not .Values.dev.enabled) }}
- {name: artifacts-ca, mountPath: /etc/podium/artifacts-ca, readOnly: true}
{{- end }}
{{- if .Values.secretKeys.existingSecret }}
- {name: secret-keys, mountPath: /etc/podium/secret-keys, readOnly: true}
{{- end }}
{{- if .Values.launches.enabled }}
- {name: launch-site, mountPath: /etc/podium/launch, readOnly: true}
{{- end }}
{{- if and .Values.oidc.issuer .Values.oidc.existingSecret }}
- {name: oidc, mountPath: /etc/podium/oidc, readOnly: true}
{{- end }}
{{- end -}}

{{- define "podium.databaseVolumes" -}}
- {name: tmp, emptyDir: {}}
{{- if and .Values.database.caSecret (not .Values.dev.enabled) }}
- {name: database-ca, secret: {secretName: {{ .Values.database.caSecret }}}}
{{- end }}
{{- end -}}

{{- define "podium.volumes" -}}
{{- include "podium.databaseVolumes" . }}
{{- if and .Values.artifacts.caSecret (not .Values.dev.enabled) }}
- {name: artifacts-ca, secret: {secretName: {{ .Values.artifacts.caSecret }}}}
{{- end }}
{{- if .Values.secretKeys.existingSecret }}
- {name: secret-keys, secret: {secretName: {{ .Values.secretKeys.existingSecret }}}}
{{- end }}
{{- if .Values.launches.enabled }}
- {name: launch-site, configMap: {name: {{ include "podium.fullname" . }}-launch-site}}
{{- end }}
{{- if and .Values.oidc.issuer .Values.oidc.existingSecret }}
- {name: oidc, secret: {secretName: {{ .Values.oidc.existingSecret }}}}
{{- end }}
{{- end -}}

{{- /* The trial's database and bucket come up with the pods, so no hook can have set them up before. */ -}}
{{- define "podium.devInit" -}}
{{- range $name, $args := dict "schema" (list "db" "upgrade") "bucket" (list "storage" "init") }}
- name: {{ $name }}
  {{- include "podium.containerBasics" $ | nindent 2 }}
  command: [podium]
  args: {{ toJson $args }}
  env:
    {{- include "podium.env" $ | trim | nindent 4 }}
  volumeMounts:
    {{- include "podium.mounts" $ | trim | nindent 4 }}
  resources:
    {{- toYaml $.Values.migration.resources | nindent 4 }}
{{- end }}
{{- end -}}

{{- define "podium.deploymentPod" -}}
{{- $root := .root -}}
{{- include "podium.podSecurity" $root }}
serviceAccountName: {{ include "podium.serviceAccountName" $root }}
automountServiceAccountToken: {{ $root.Values.launches.enabled }}
terminationGracePeriodSeconds: {{ .settings.terminationGracePeriodSeconds }}
{{ include "podium.placement" . }}
{{- $init := include "podium.devInit" $root | trim }}
{{- if or $root.Values.dev.enabled .settings.initContainers }}
initContainers:
  {{- if $root.Values.dev.enabled }}
  {{- $init | nindent 2 }}
  {{- end }}
  {{- with .settings.initContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
volumes:
  {{- include "podium.volumes" $root | trim | nindent 2 }}
  {{- with .settings.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /* What follows the env of the component itself; "mounts" names the define that its own are of. */ -}}
{{- define "podium.containerRest" -}}
{{- with .settings.extraEnv }}
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include (.mounts | default "podium.mounts") .root | trim | nindent 2 }}
  {{- with .settings.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
resources:
  {{- toYaml .settings.resources | nindent 2 }}
{{- end -}}

{{- define "podium.probes" -}}
startupProbe:
  httpGet: {path: /health, port: {{ .port }}}
  {{- toYaml .settings.startupProbe | nindent 2 }}
livenessProbe:
  httpGet: {path: /health, port: {{ .port }}}
  {{- toYaml .settings.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: /ready, port: {{ .port }}}
  {{- toYaml .settings.readinessProbe | nindent 2 }}
{{- end -}}
