"""What CDK makes of it all, offline: the template, read as AWS would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from making import environment

from chalicelib.api import api
from infra import machine
from infra.functions import FUNCTIONS

ROOT = Path(__file__).parents[2]
#: Rights on everything that CDK or the service forces: traces, log deliveries.
FORCED = ("xray:", "logs:")


@pytest.fixture(scope="session")
def out(tmp_path_factory) -> Path:
    """The folder that ``infra.app`` writes, in a process of its own: CDK starts Node in it."""
    folder = tmp_path_factory.mktemp("cdk")
    code = f"from infra.app import build; build({str(folder)!r}).synth()"
    names = environment(HOME=str(Path.home()))
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=names, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def template(out) -> dict:
    return json.loads((out / "etlplus.template.json").read_text(encoding="utf-8"))


def of_type(template: dict, kind: str) -> dict[str, dict]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == f"AWS::{kind}"}


def functions(template: dict) -> dict[str, dict]:
    return {each["Handler"]: each for each in of_type(template, "Lambda::Function").values()}


def statements(template: dict):
    for name, policy in of_type(template, "IAM::Policy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield name, [actions] if isinstance(actions, str) else actions, statement["Resource"]


def test_nothing_costs_while_idle_and_nothing_is_public(template):
    kinds = {each["Type"] for each in template["Resources"].values()}
    assert {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::RDS::DBProxy"}.isdisjoint(kinds)
    (endpoint,) = of_type(template, "EC2::VPCEndpoint").values()
    assert "Gateway" == endpoint["VpcEndpointType"]
    (database,) = of_type(template, "RDS::DBInstance").values()
    assert (False, True, True, True) == tuple(
        database[name]
        for name in ("PubliclyAccessible", "StorageEncrypted", "EnableIAMDatabaseAuthentication", "DeletionProtection")
    )


def test_buckets_are_private_encrypted_and_landing_announces_its_versions(template):
    buckets = of_type(template, "S3::Bucket").values()
    assert 2 == len(buckets)
    for bucket in buckets:
        assert {True} == set(bucket["PublicAccessBlockConfiguration"].values())
        assert "BucketEncryption" in bucket
    (landing,) = [bucket for bucket in buckets if bucket.get("VersioningConfiguration")]
    assert {"EventBridgeConfiguration": {"EventBridgeEnabled": True}} == landing["NotificationConfiguration"]


def test_each_function_is_what_the_table_says(template):
    made = functions(template)
    assert {function.handler for function in FUNCTIONS} == made.keys()
    for function in FUNCTIONS:
        found = made[function.handler]
        assert (function.timeout_s, function.memory_mb) == (found["Timeout"], found["MemorySize"])
        assert function.inside == ("VpcConfig" in found)
        assert not function.inside or found["VpcConfig"]["Ipv6AllowedForDualStack"]
        names = set(found["Environment"]["Variables"]) - {"POWERTOOLS_SERVICE_NAME"}
        assert names == {read for read in function.reads if "*" not in read}


def test_no_environment_holds_a_secret(template):
    assert "password" not in json.dumps([each["Environment"] for each in functions(template).values()]).lower()
    assert "resolve:secretsmanager" not in json.dumps([each["Environment"] for each in functions(template).values()])


def test_an_asset_holds_the_sources_of_the_lambdas_only(out):
    (asset,) = [path for path in out.iterdir() if path.name.startswith("asset.") and path.is_dir()]
    assert {"app.py", "chalicelib", "functions"} == {path.name for path in asset.iterdir()}
    assert [] == list(asset.rglob("__pycache__"))


def test_rights_are_on_the_very_thing(template):
    for name, actions, resource in statements(template):
        assert "*" not in actions, name
        assert resource != "*" or all(action.startswith(FORCED) for action in actions), (name, actions)


def test_only_those_who_read_a_database_url_may_connect(template):
    allowed = {name for name, actions, _ in statements(template) if "rds-db:connect" in actions}
    reading = [function.name for function in FUNCTIONS if "DATABASE_URL" in function.reads]
    assert len(reading) == len(allowed)
    assert all(any(f"lambdas{name}Service" in policy for policy in allowed) for name in reading)


def test_new_objects_go_through_the_queue_to_intake_and_what_fails_to_the_dead_letter_queue(template):
    rules = of_type(template, "Events::Rule").values()
    (objects,) = [rule for rule in rules if "EventPattern" in rule]
    assert (["aws.s3"], ["Object Created"]) == (
        objects["EventPattern"]["source"],
        objects["EventPattern"]["detail-type"],
    )
    (intake,) = [queue for queue in of_type(template, "SQS::Queue").values() if "RedrivePolicy" in queue]
    assert (5, True) == (intake["RedrivePolicy"]["maxReceiveCount"], intake["VisibilityTimeout"] >= 6 * 60)
    (mapping,) = of_type(template, "Lambda::EventSourceMapping").values()
    assert (10, ["ReportBatchItemFailures"]) == (mapping["BatchSize"], mapping["FunctionResponseTypes"])


def test_the_machine_is_the_very_definition_with_arns_put_in(template):
    assert machine.digest() == template["Outputs"]["JourneyDigest"]["Value"]
    (made,) = of_type(template, "StepFunctions::StateMachine").values()
    parts = made["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "X" for part in parts)
    expected = machine.definition({function.name: "X" for function in FUNCTIONS}, "X")
    assert json.loads(expected) == json.loads(text)


def test_the_api_has_the_applications_routes(template):
    resources = of_type(template, "ApiGateway::Resource")

    def path(reference: dict) -> str:
        found = resources.get(reference.get("Ref", ""))
        return f"{path(found['ParentId'])}/{found['PathPart']}" if found else ""

    made = {(each["HttpMethod"], path(each["ResourceId"])) for each in of_type(template, "ApiGateway::Method").values()}
    assert {(route.method, route.path) for route in api.routes} == made


def test_cfn_lint_finds_nothing(out):
    command = [
        Path(sys.executable).with_name("cfn-lint"),
        "--ignore-checks",
        "W3005",
        "--",
        out / "etlplus.template.json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (0, "") == (done.returncode, done.stdout)  # W3005: dependencies that CDK states twice
