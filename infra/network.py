"""The network: dual-stack private subnets, S3 over a gateway endpoint, the rest of AWS over IPv6; idle, it is free."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct


class Network(Construct):
    """A VPC without NAT gateway and interface endpoint; its egress-only gateway lets IPv6 out and nothing in."""

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, "network")
        self.vpc = ec2.Vpc(
            self,
            "vpc",
            ip_protocol=ec2.IpProtocol.DUAL_STACK,
            max_azs=2,
            nat_gateways=0,
            create_internet_gateway=False,
            restrict_default_security_group=False,  # it takes a Lambda of CDK's own; nothing here is in that group
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="private",
                    subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS,
                    cidr_mask=20,
                    ipv6_assign_address_on_creation=True,
                ),
            ],
        )
        self.private = ec2.SubnetSelection(subnets=self.vpc.private_subnets)
        self.vpc.add_gateway_endpoint("s3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.inside = ec2.SecurityGroup(
            self,
            "inside",
            vpc=self.vpc,
            description="Lambdas that speak to PostgreSQL",
            allow_all_outbound=True,
            allow_all_ipv6_outbound=True,
        )


def dual_stack(service: str) -> str:
    """Where ``service`` answers over IPv6, the only way out of the private subnets besides S3's endpoint."""
    return f"https://{service}.{cdk.Aws.REGION}.api.aws"
