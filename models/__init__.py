"""The forecasting library: pure functions of arrays; no I/O, no clock, no thread."""
