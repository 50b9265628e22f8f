"""How a Kafka cluster is reached, for adapters of both services; knows no topic, no event."""
