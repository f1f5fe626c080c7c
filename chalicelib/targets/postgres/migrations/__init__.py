"""The schemas ``etl_target`` and ``etl_stage`` of every target database, as numbered SQL files."""
