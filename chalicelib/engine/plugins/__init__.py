"""Plugins: steps that other packages bring, found by entry point, called on batches of records outside the engine.

``installed`` finds them and pins their versions, ``options`` reads what a document gives them, ``arrow`` has the types
that they and the engine share, ``call`` is one with its options and sees that it keeps what it declares, ``compiling``
gives it its place among the steps, ``calling`` carries records to it and back. Their code is run in ``raised`` alone:
what it raises is told as the plugin's, never as ours.
"""
