"""A real Kubernetes on loopback, and what Podium launches on it."""
