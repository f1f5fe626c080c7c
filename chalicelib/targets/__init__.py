"""Targets: where published records stand. One package a kind, behind ``ports.Target``."""
