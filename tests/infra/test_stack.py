"""What CDK makes of it all, offline: the template, read as AWS would."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import environment

from app import app
from infra import machine
from infra.functions import FUNCTIONS

ROOT = Path(__file__).parents[2]
NAMES = {function.name for function in FUNCTIONS}
INSIDE = {function.name for function in FUNCTIONS if function.inside}
#: The only rights on everything, and why.
FORCED = {
    "xray:": "traces belong to no resource",
    "logs:": "so Step Functions sets up the delivery of its log; its groups are not known to IAM",
    "ec2:": "so Lambda makes the network interfaces of who stands inside",
}


@pytest.fixture(scope="session")
def out(tmp_path_factory) -> Path:
    """The folder that ``infra.app`` writes, in a process (CDK starts Node in it) with nothing on its PATH."""
    folder = tmp_path_factory.mktemp("cdk")
    code = f"from infra.app import build; build({str(folder)!r}).synth()"
    names = environment(HOME=Path.home(), PATH=folder / "nothing")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=names, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def template(out) -> dict:
    return json.loads((out / "etlplus.template.json").read_text(encoding="utf-8"))


def of_type(template: dict, kind: str) -> dict[str, dict]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == f"AWS::{kind}"}


def the_one(template: dict, kind: str) -> dict:
    (found,) = of_type(template, kind).values()
    return found


def arn(name: str) -> dict:
    return {"Fn::GetAtt": [name, "Arn"]}


def functions(template: dict) -> dict[str, dict]:
    names = {function.handler: function.name for function in FUNCTIONS}
    return {names[each["Handler"]]: each for each in of_type(template, "Lambda::Function").values()}


def listed(value: str | dict | list) -> list:
    return value if isinstance(value, list) else [value]


def statements(template: dict) -> Iterator[tuple[str, list[str], list]]:
    """The role, the actions and the resources of everything that a role may do."""
    for role, each in of_type(template, "IAM::Role").items():
        for policy in each.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield role, listed(statement["Action"]), listed(statement["Resource"])
    for policy in of_type(template, "IAM::Policy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            for role in policy["Roles"]:
                yield role["Ref"], listed(statement["Action"]), listed(statement["Resource"])


def allowed(template: dict, action: str, resource: str = "") -> set[str]:
    """The functions that may do ``action``, on what has ``resource`` in its name."""
    roles = {each["Role"]["Fn::GetAtt"][0]: name for name, each in functions(template).items()}
    return {
        roles[role]
        for role, actions, resources in statements(template)
        if role in roles and action in actions and any(resource in json.dumps(each) for each in resources)
    }


def test_nothing_costs_while_idle_but_the_database(template):
    kinds = {each["Type"] for each in template["Resources"].values()}
    assert {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::RDS::DBProxy", "AWS::RDS::DBCluster"}.isdisjoint(kinds)
    assert "Gateway" == the_one(template, "EC2::VPCEndpoint")["VpcEndpointType"]
    assert not any("ProvisionedConcurrencyConfig" in each for each in functions(template).values())


def test_the_network_lets_ipv6_out_and_nothing_in(template):
    kinds = {each["Type"] for each in template["Resources"].values()}
    assert "AWS::EC2::InternetGateway" not in kinds
    subnets, routes = of_type(template, "EC2::Subnet").values(), of_type(template, "EC2::Route").values()
    assert [(False, True)] * 2 == [
        (each["MapPublicIpOnLaunch"], each["AssignIpv6AddressOnCreation"]) for each in subnets
    ]
    assert ["::/0"] * 2 == [
        each["DestinationIpv6CidrBlock"] for each in routes if "EgressOnlyInternetGatewayId" in each
    ]
    assert not any(each.get("SecurityGroupIngress") for each in of_type(template, "EC2::SecurityGroup").values())


def test_the_database_is_private_encrypted_protected_and_open_to_who_stands_inside(template):
    database, ingress = the_one(template, "RDS::DBInstance"), the_one(template, "EC2::SecurityGroupIngress")
    facts = {
        "PubliclyAccessible": False,
        "StorageEncrypted": True,
        "EnableIAMDatabaseAuthentication": True,
        "DeletionProtection": True,
        "BackupRetentionPeriod": 7,
    }
    assert facts == {name: database[name] for name in facts}
    assert "1" == the_one(template, "RDS::DBParameterGroup")["Parameters"]["rds.force_ssl"]
    assert (5432, 5432) == (ingress["FromPort"], ingress["ToPort"])
    (inside,) = {
        each["VpcConfig"]["SecurityGroupIds"][0]["Fn::GetAtt"][0]
        for each in functions(template).values()
        if "VpcConfig" in each
    }
    assert inside == ingress["SourceSecurityGroupId"]["Fn::GetAtt"][0]
    assert database["VPCSecurityGroups"] == [ingress["GroupId"]]


def test_buckets_are_private_encrypted_and_speak_tls_only(template):
    buckets, policies = of_type(template, "S3::Bucket"), of_type(template, "S3::BucketPolicy").values()
    assert 2 == len(buckets)
    for bucket in buckets.values():
        assert {True} == set(bucket["PublicAccessBlockConfiguration"].values())
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert "AES256" == rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert buckets.keys() == {each["Bucket"]["Ref"] for each in policies}
    for policy in policies:
        refused = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in refused]
        assert refused == policy["PolicyDocument"]["Statement"]


def test_landing_keeps_versions_and_announces_objects_and_work_forgets_its_runs(template):
    buckets = of_type(template, "S3::Bucket").values()
    (landing,) = [bucket for bucket in buckets if bucket.get("VersioningConfiguration") == {"Status": "Enabled"}]
    (work,) = [bucket for bucket in buckets if bucket is not landing]
    assert {"EventBridgeConfiguration": {"EventBridgeEnabled": True}} == landing["NotificationConfiguration"]
    (rule,) = work["LifecycleConfiguration"]["Rules"]
    assert ("runs/", 14) == (rule["Prefix"], rule["ExpirationInDays"])
    for bucket in buckets:
        assert "AbortIncompleteMultipartUpload" in bucket["LifecycleConfiguration"]["Rules"][0]


def test_each_function_is_what_the_table_says(template):
    made = functions(template)
    assert NAMES == made.keys()
    for function in FUNCTIONS:
        found = made[function.name]
        assert (function.timeout_s, function.memory_mb) == (found["Timeout"], found["MemorySize"])
        assert ("python3.13", ["x86_64"]) == (found["Runtime"], found["Architectures"])
        read = {read for read in function.reads if "*" not in read}
        given = found.get("Environment", {"Variables": {}})["Variables"].keys()
        assert read == {name for name in given if not name.startswith("AWS_ENDPOINT_URL_")}


def test_only_who_speaks_to_the_database_stands_in_the_vpc_with_ipv6(template):
    made = functions(template)
    assert INSIDE == {name for name, each in made.items() if "VpcConfig" in each}
    assert all(made[name]["VpcConfig"]["Ipv6AllowedForDualStack"] for name in INSIDE)
    assert INSIDE == {name for name, each in made.items() if "DATABASE_URL" in json.dumps(each)}


def test_who_stands_inside_reaches_services_over_ipv6_and_s3_through_its_gateway(template):
    endpoints = {
        name: {key for key in each["Environment"]["Variables"] if key.startswith("AWS_")}
        for name, each in functions(template).items()
        if "Environment" in each
    }
    states, queue = {"AWS_ENDPOINT_URL_SFN"}, {"AWS_ENDPOINT_URL_SQS"}
    assert {"intake": states, "sweep": states, "api": queue} == {name: keys for name, keys in endpoints.items() if keys}
    assert ".api.aws" in json.dumps(functions(template)["api"]["Environment"]["Variables"]["AWS_ENDPOINT_URL_SQS"])


def test_no_environment_holds_a_secret(template):
    environments = json.dumps([each.get("Environment") for each in functions(template).values()])
    assert "password" not in environments.lower()
    assert "resolve:" not in environments


def test_each_function_writes_a_log_of_its_own_that_ends(template):
    groups = of_type(template, "Logs::LogGroup")
    assert all(each["RetentionInDays"] == 30 for each in groups.values())
    used = [each["LoggingConfig"]["LogGroup"]["Ref"] for each in functions(template).values()]
    assert len(NAMES) == len(set(used))
    for each in functions(template).values():
        role, log = each["Role"]["Fn::GetAtt"][0], each["LoggingConfig"]["LogGroup"]["Ref"]
        assert [[arn(log)]] == [
            found for of, actions, found in statements(template) if of == role and "logs:PutLogEvents" in actions
        ]


def test_an_asset_holds_the_sources_of_the_lambdas_only(out):
    (asset,) = [path for path in out.iterdir() if path.name.startswith("asset.") and path.is_dir()]
    assert {"app.py", "chalicelib", "etlplus", "functions"} == {path.name for path in asset.iterdir()}
    assert [] == list(asset.rglob("__pycache__"))
    copies = [path for path in asset.rglob("*") if path.is_file()]
    assert all(path.read_bytes() == (ROOT / path.relative_to(asset)).read_bytes() for path in copies)


def test_rights_are_on_the_very_thing(template):
    for role, actions, resources in statements(template):
        assert not any(action == "*" or action.endswith(":*") for action in actions), role
        assert "*" not in resources or all(action.startswith(tuple(FORCED)) for action in actions), (role, actions)


def test_the_gateways_log_role_is_the_only_one_whose_rights_aws_wrote(template):
    managed = {
        name: each["ManagedPolicyArns"]
        for name, each in of_type(template, "IAM::Role").items()
        if "ManagedPolicyArns" in each
    }
    assert 1 == len(managed)
    assert "AmazonAPIGatewayPushToCloudWatchLogs" in json.dumps(managed)


def test_every_function_has_a_role_of_its_own(template):
    assert len(NAMES) == len({each["Role"]["Fn::GetAtt"][0] for each in functions(template).values()})


@pytest.mark.parametrize(
    ("action", "resource", "names"),
    [
        ("rds-db:connect", "dbuser", {function.name for function in FUNCTIONS if "DATABASE_URL" in function.reads}),
        ("states:StartExecution", machine.NAME, {"intake", "sweep"}),
        ("sqs:SendMessage", "queueintake", {"api"}),
        ("sqs:ReceiveMessage", "queueintake", {"intake"}),
        ("s3:GetObjectVersion", "storagelanding", {"plan", "extract", "transform", "record"}),
        ("s3:PutObject", "storagelanding", set()),
        ("s3:DeleteObject", "storagelanding", set()),
        ("s3:ListBucketVersions", "storagelanding", {"plan", "sweep"}),
        ("s3:PutObject", "/runs/*", {"plan", "extract", "transform", "load", "publish"}),
        ("s3:GetObject", "/runs/*", {"plan", "extract", "transform", "load", "publish", "record", "sweep"}),
        ("s3:DeleteObject", "/runs/*", {"plan", "publish", "record", "sweep"}),
        ("lambda:InvokeFunction", "", set()),
        ("ec2:CreateNetworkInterface", "", INSIDE),
    ],
)
def test_only_who_must_may(template, action, resource, names):
    assert names == allowed(template, action, resource)


def test_new_objects_go_through_the_queue_and_what_fails_to_the_dead_letter_queue(template):
    queues = of_type(template, "SQS::Queue")
    ((name, queue),) = [(name, each) for name, each in queues.items() if "RedrivePolicy" in each]
    (dead,) = queues.keys() - {name}
    assert {"deadLetterTargetArn": arn(dead), "maxReceiveCount": 5} == queue["RedrivePolicy"]
    assert all(each["SqsManagedSseEnabled"] for each in queues.values())
    (objects,) = [rule for rule in of_type(template, "Events::Rule").values() if "EventPattern" in rule]
    pattern = objects["EventPattern"]
    assert (["aws.s3"], ["Object Created"]) == (pattern["source"], pattern["detail-type"])
    assert ["storagelanding"] == [each["Ref"][:14] for each in pattern["detail"]["bucket"]["name"]]
    assert [arn(name)] == [each["Arn"] for each in objects["Targets"]]


def test_intake_takes_messages_in_batches_and_leaves_those_that_failed(template):
    mapping = the_one(template, "Lambda::EventSourceMapping")
    ((name, queue),) = [each for each in of_type(template, "SQS::Queue").items() if "RedrivePolicy" in each[1]]
    assert queue["VisibilityTimeout"] >= 6 * functions(template)["intake"]["Timeout"]
    assert arn(name) == mapping["EventSourceArn"]
    assert (100, 1) == (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"])
    assert ["ReportBatchItemFailures"] == mapping["FunctionResponseTypes"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_the_sweep_is_called_every_few_minutes(template):
    (rule,) = [rule for rule in of_type(template, "Events::Rule").values() if "ScheduleExpression" in rule]
    (target,) = rule["Targets"]
    assert ("rate(5 minutes)", "lambdassweep") == (rule["ScheduleExpression"], target["Arn"]["Fn::GetAtt"][0][:12])


def test_the_machine_is_the_very_definition_with_arns_put_in(template):
    assert machine.digest() == template["Outputs"]["JourneyDigest"]["Value"]
    made = the_one(template, "StepFunctions::StateMachine")
    parts = made["DefinitionString"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "X" for part in parts)
    assert machine.definition(dict.fromkeys(NAMES, "X"), "X") == text
    assert ("STANDARD", machine.NAME) == (made["StateMachineType"], made["StateMachineName"])
    logging = made["LoggingConfiguration"]
    assert ("ERROR", False, True) == (
        logging["Level"],
        logging["IncludeExecutionData"],
        made["TracingConfiguration"]["Enabled"],
    )


def test_the_machine_may_invoke_whom_its_definition_names_start_its_own_children_and_read_their_items(template):
    role = the_one(template, "StepFunctions::StateMachine")["RoleArn"]["Fn::GetAtt"][0]
    rights = {
        action: json.dumps(found) for of, actions, found in statements(template) if of == role for action in actions
    }
    named = set(re.findall(r"\$\{(\w+)\}", machine.DEFINITION.read_text(encoding="utf-8"))) - {"work_bucket"}
    arns = {name for name in of_type(template, "Lambda::Function") if f'"{name}"' in rights["lambda:InvokeFunction"]}
    handlers = {of_type(template, "Lambda::Function")[name]["Handler"] for name in arns}
    assert {f"functions.{name}.handler" for name in named} == handlers
    assert "/runs/*/items.json" in rights["s3:GetObject"]
    assert f":stateMachine:{machine.NAME}" in rights["states:StartExecution"]
    for action in ("states:DescribeExecution", "states:StopExecution"):
        assert f":execution:{machine.NAME}/*" in rights[action]
        assert f":execution:{machine.NAME}:*" in rights[action]


def test_the_api_has_the_applications_routes_and_no_cache(template):
    resources = of_type(template, "ApiGateway::Resource")

    def path(reference: dict) -> str:
        found = resources.get(reference.get("Ref", ""))
        return f"{path(found['ParentId'])}/{found['PathPart']}" if found else ""

    made = {(each["HttpMethod"], path(each["ResourceId"])) for each in of_type(template, "ApiGateway::Method").values()}
    assert {(method, path) for path, methods in app.routes.items() for method in methods} == made
    stage = the_one(template, "ApiGateway::Stage")
    assert "AccessLogSetting" in stage
    assert not stage.get("CacheClusterEnabled")
    (settings,) = stage["MethodSettings"]
    assert ("*", "/*", 50, 100) == tuple(
        settings[name] for name in ("HttpMethod", "ResourcePath", "ThrottlingRateLimit", "ThrottlingBurstLimit")
    )


def test_cdks_command_starts_the_same_app():
    assert "python -m infra.app" == json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["app"]


def test_cfn_lint_finds_nothing(out):
    lint = Path(sys.executable).with_name("cfn-lint")
    command = [lint, "--ignore-checks", "W3005", "--", out / "etlplus.template.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (0, "") == (done.returncode, done.stdout)  # W3005: dependencies that CDK states twice
