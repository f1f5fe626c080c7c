"""Sources: where records come from. One file a kind, behind ``ports.Source``."""
