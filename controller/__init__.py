"""The controller: forecasts and cluster in, restores and targets out. It makes no forecast."""
