"""The nouns: pipeline, run, batch, manifest, ledger entry, reject, and the law. Pure: no I/O, no clock."""
