"""RDS: passwords that IAM signs, valid for 15 minutes and made without a network call."""

from chalicelib.aws.client import client
from chalicelib.postgres.connection import Dsn


def token(dsn: Dsn) -> str:
    """A fresh password for the address."""
    made = client("rds").generate_db_auth_token(DBHostname=dsn.host, Port=dsn.port, DBUsername=dsn.user)
    return str(made)
