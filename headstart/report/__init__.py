"""The report: one self-contained page about one run. It renders; it computes no verdict."""
