"""Benchmarks: what is claimed about speed, measured in interleaved rounds against psql's copy."""
