"""Bootstrap: the only wiring. Which adapter stands behind which port is decided here and nowhere else.

``local`` wires the journey in one process, ``cloud`` the Lambdas, each of which carries only what it needs.
"""
