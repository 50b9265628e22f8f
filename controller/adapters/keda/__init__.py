"""KEDA's external scaler: the last plan in memory, said in KEDA's words.

Must not plan, query a source, or know of clusters. ``externalscaler_pb2`` is generated.
"""
