"""The only modules of the predictor that import a client library or touch the network."""
