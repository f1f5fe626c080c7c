"""``python -m cli``: the same as ``etlplus``."""

from cli.main import main

main()
