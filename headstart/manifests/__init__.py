"""What a cluster is told of Headstart, made from the same definitions that files are checked by.

Must not talk to a cluster: ``python -m headstart.manifests`` only writes files under ``deploy/``.
"""
