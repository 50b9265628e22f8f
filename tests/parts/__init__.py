"""Real parts for tests: a Kafka broker and a Prometheus server of our own, and how to get them.

No test belongs here, and nothing of the product is imported here.
"""
