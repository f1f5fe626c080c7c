"""The engine: one locked DuckDB pass from an object's bytes to accepted and rejected records."""
