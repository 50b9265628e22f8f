"""The front door: command line, all-in-one process, replay and backtest."""
