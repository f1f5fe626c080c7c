"""Where a home's cloud is, for its clients, and the token that opens its API.

The token is not stored: it is derived from ``install.key``, which is made once and readable by its owner only; the
control plane keeps the token's SHA-256.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.home import write_private
from localcloud.locks import is_held

#: Where a cloud is to be found unless somebody else has these ports.
API_PORT, AWS_PORT = 8000, 4566
REGION = "eu-west-1"
#: What the laptop's AWS takes for an access key and its secret; it checks neither.
CREDENTIAL = "local"
#: What the cloud's process says on stdout when it is ready; anything else is why it is not.
READY = "ready"
#: Held by a home's cloud for as long as it lives.
LOCK = "cloud.lock"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Address:
    """The content of ``cloud.json``, which exists while the cloud answers."""

    pid: int
    api: str  #: http://127.0.0.1:8000
    aws: str  #: http://127.0.0.1:4566, what AWS_ENDPOINT_URL is set to

    @classmethod
    def read(cls, home: Path) -> "Address | None":
        """Where the home's cloud is, or None when there is none.

        The lock is the truth: the file outlives a cloud that was killed, and its process id may be a stranger's by now.
        """
        try:
            found = cls(**json.loads(_file(home).read_text("utf-8")))
        except (FileNotFoundError, ValueError):
            return None
        return found if is_held(home / LOCK) else None

    def write(self, home: Path) -> None:
        """Let clients in."""
        write_private(_file(home), json.dumps(asdict(self), indent=2))

    @staticmethod
    def remove(home: Path) -> None:
        """Let nobody in any more."""
        _file(home).unlink(missing_ok=True)


def admin_token(home: Path) -> str:
    """The one token of this installation; the key that it comes from is made at first need."""
    path = home / "install.key"
    if not path.exists():
        write_private(path, secrets.token_hex(_KEY_BYTES))
    key = bytes.fromhex(path.read_text("ascii").strip())
    digest = hmac.new(key, b"etlplus admin token 1", hashlib.sha256).digest()
    return "etlp_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def local_environment(aws: str) -> dict[str, str]:
    """What makes an AWS client speak to the laptop's AWS and to no other, whatever the user's own set-up says."""
    return {
        "AWS_ENDPOINT_URL": aws,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _file(home: Path) -> Path:
    return home / "cloud.json"
