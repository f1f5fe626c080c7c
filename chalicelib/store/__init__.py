"""The control plane: schema ``etl``. One module a noun, its SQL beside it."""
