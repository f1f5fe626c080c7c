"""The schema ``etl`` as numbered SQL files."""
