"""Values people install the chart with: each key of values.yaml is said in one of them."""

from __future__ import annotations

from typing import Any

MINIMAL: dict[str, Any] = {
    "database": {"existingSecret": "podium-db"},
    "artifacts": {"bucket": "models"},
}

_POD: dict[str, Any] = {
    "podLabels": {"team": "ml"},
    "podAnnotations": {"example.org/note": "yes"},
    "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
}
_MORE: dict[str, Any] = {
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
}
_ENDING: dict[str, Any] = {
    **_POD,
    **_MORE,
    "nodeSelector": {"pool": "ml"},
    "tolerations": [{"key": "ml", "operator": "Exists"}],
}
_PLACED: dict[str, Any] = {
    **_POD,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%"}},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "ml", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["web"]}]}
                ]
            }
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 2,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "podium"}},
        }
    ],
    "priorityClassName": "important",
    **_MORE,
    "initContainers": [{"name": "wait", "image": "busybox", "command": ["true"]}],
    "sidecars": [{"name": "proxy", "image": "proxy:1"}],
    "terminationGracePeriodSeconds": 90,
    "startupProbe": {"initialDelaySeconds": 1, "periodSeconds": 3},
    "livenessProbe": {"periodSeconds": 20, "successThreshold": 1},
    "readinessProbe": {"timeoutSeconds": 9},
}

EVERYTHING: dict[str, Any] = {
    "nameOverride": "tracker",
    "fullnameOverride": "ml-podium",
    "commonLabels": {"owner": "platform"},
    "image": {
        "repository": "registry.example.org/podium",
        "tag": "1",
        "digest": "sha256:" + "0" * 64,
        "pullPolicy": "Always",
        "pullSecrets": ["registry"],
    },
    "database": {
        "host": "db.example.org",
        "port": 6432,
        "name": "tracking data",
        "user": "podium@tenant",
        "passwordSecret": "db",
        "sslMode": "verify-full",
        "caSecret": "db-ca",
    },
    "artifacts": {
        "bucket": "models",
        "prefix": "below/here",
        "endpoint": "https://s3.example.org:9443",
        "region": "eu-central-1",
        "existingSecret": "s3",
        "caSecret": "s3-ca",
    },
    "secretKeys": {"existingSecret": "keys"},
    "settings": {
        "allowedHosts": ["tracking.internal"],
        "proxies": 2,
        "logLevel": "DEBUG",
        "rateLimit": 100000,
        "webhookAllow": ["10.0.0.0/8"],
    },
    "oidc": {
        "issuer": "https://sso.example.org",
        "clientId": "podium",
        "existingSecret": "oidc",
        "roles": ["ml-leads=approver"],
    },
    "tracing": {"endpoint": "http://otel-collector:4318"},
    "web": {**_PLACED, "replicas": 3, "processes": 4, "threads": 16, "drainSeconds": 10},
    "worker": {**_PLACED, "replicas": 3},
    "migration": {**_ENDING, "activeDeadlineSeconds": 60},
    "autoscaling": {
        "enabled": True,
        "minReplicas": 3,
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}},
    },
    "podDisruptionBudget": {"maxUnavailable": "25%"},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/p"}},
    "launches": {
        "enabled": True,
        "namespaces": ["training", "serving"],
        "targets": ["job", "rayjob", "kserve"],
        "site": {"classes": {"small": {"cpu": 2, "memory": "8Gi"}}},
    },
    "gc": {
        **_ENDING,
        "enabled": True,
        "schedule": "0 4 * * 0",
        "graceHours": 48,
        "trashDays": 7,
        "activeDeadlineSeconds": 600,
    },
    "backup": {
        **_ENDING,
        "enabled": True,
        "schedule": "0 2 * * *",
        "destination": "s3://elsewhere/podium",
        "endpoint": "https://s3.elsewhere.example:9444",
        "existingSecret": "backup-account",
        "keep": 7,
        "activeDeadlineSeconds": 3600,
    },
    "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "0"},
        "hosts": ["podium.example.org", "ml.example.org"],
        "tls": [{"secretName": "podium-tls", "hosts": ["podium.example.org"]}],
    },
    "networkPolicy": {
        "enabled": True,
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}],
    },
    "metrics": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
}

CASES: dict[str, dict[str, Any]] = {
    "minimal": MINIMAL,
    "everything": EVERYTHING,
    "trial": {
        "dev": {
            "enabled": True,
            "nodeSelector": {"pool": "ml"},
            "tolerations": [{"key": "ml", "operator": "Exists"}],
        },
        "networkPolicy": {"enabled": True},
    },
    "gateway": {
        **MINIMAL,
        "httpRoute": {
            "enabled": True,
            "annotations": {"a": "b"},
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["podium.example.org"],
        },
        "networkPolicy": {"enabled": True},
    },
    "identity": {
        "database": {"host": "127.0.0.1", "sslMode": "disable"},
        "artifacts": {"bucket": "models", "endpoint": "http://minio"},
        "serviceAccount": {"create": False, "name": "given"},
        "networkPolicy": {"enabled": True},
        "podDisruptionBudget": {"enabled": False},
        "migration": {"enabled": False},
        "launches": {"enabled": True},
        "backup": {"enabled": True, "existingClaim": "backups"},
        "gc": {"enabled": True, "retention": False},
        "checkSecrets": False,
    },
}
