"""Kubernetes: the API client, watched caches, the lease, and the cluster behind the port.

Must not decide how many replicas there are, nor where they start: that is the tick's.
"""
