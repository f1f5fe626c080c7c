"""Connections: how a URL is read, what a failure says, and that no password is ever in it."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pg8000.exceptions
import pytest

from chalicelib.core.errors import Refused, Unreachable
from chalicelib.postgres.connection import Dsn, close, connect, connected, transaction
from chalicelib.postgres.session import Session

SECRET = "s3cret-pässwörd"


def test_a_url_is_read_with_its_escapes():
    dsn = Dsn.parse("postgres://al%40ice:p%3Ass%2F@db.example:6000/my%20db?sslmode=verify-full&sslrootcert=/ca.pem")
    assert dsn == Dsn("db.example", 6000, "al@ice", "my db", "p:ss/", "verify-full", "/ca.pem")


def test_what_a_url_leaves_out_has_defaults():
    assert Dsn("h", 5432, "postgres", "postgres") == Dsn.parse("postgresql://h")
    assert Dsn("::1", 5432, "u", "u") == Dsn.parse("postgresql://u@[::1]")


@pytest.mark.parametrize(
    "text",
    [
        f"mysql://u:{SECRET}@h/d",
        f"postgresql://u:{SECRET}@/d",
        f"u:{SECRET}@h",
        f"postgresql://u:x@h:{SECRET}/d",
        f"postgresql://u:{SECRET}@[h/d",
        f"postgresql://u:{SECRET}@h:99999999/d",
        f"postgresql://u:{SECRET}@h/d?sslmode=requrie",
        "",
    ],
)
def test_what_is_no_url_is_refused_without_being_repeated(text):
    with pytest.raises(Refused) as refused:
        Dsn.parse(text)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_password_is_in_no_repr_and_no_text():
    dsn = Dsn("h", 5432, "u", "d", SECRET)
    assert SECRET not in f"{dsn} {dsn!r}"


def test_an_open_connection_works_in_utc(database):
    with connected(database, application="mine") as connection:
        assert ["UTC", "mine"] == connection.one(
            "SELECT current_setting('TimeZone'), current_setting('application_name')"
        )
        assert connection.one("SELECT 1 WHERE false") is None


@pytest.mark.parametrize("password", [SECRET, None, ""])
def test_a_wrong_or_missing_password_is_refused_and_not_shown(database, password):
    with pytest.raises(Refused, match="password authentication failed") as refused:
        connect(replace(database, password=password))
    assert SECRET not in str(refused.value)
    assert database.password not in str(refused.value)


def test_an_unknown_database_is_refused(database):
    with pytest.raises(Refused, match='database "nowhere" does not exist'):
        connect(replace(database, database="nowhere"))


def test_a_port_where_nobody_listens_is_unreachable():
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(Unreachable, match="does not answer"):
        connect(Dsn("127.0.0.1", port, "u", "d", SECRET))


def test_an_unknown_host_is_unreachable():
    with pytest.raises(Unreachable, match=r"u@no-such-host\.invalid:5432/d"):
        connect(Dsn("no-such-host.invalid", 5432, "u", "d", SECRET))


def test_a_server_that_says_nothing_is_given_up_in_bounded_time(monkeypatch):
    monkeypatch.setattr("chalicelib.postgres.connection.CONNECT_TIMEOUT_S", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="does not answer"):
            connect(Dsn("127.0.0.1", silent.getsockname()[1], "u", "d", SECRET))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_modes_that_need_no_tls_connect_without(database, mode):
    with connected(replace(database, sslmode=mode)) as connection:
        assert [1] == connection.one("SELECT 1")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_modes_that_need_tls_are_refused_by_a_server_without(database, mode):
    with pytest.raises(Refused, match=f"has no TLS, which sslmode={mode} asks for"):
        connect(replace(database, sslmode=mode))


def test_prefer_to_another_host_falls_back_to_none(database):
    with connected(replace(database, host="127.1", sslmode="prefer")) as connection:
        assert [1] == connection.one("SELECT 1")


def test_a_missing_certificate_file_is_refused(database, tmp_path):
    with pytest.raises(Refused, match=r"sslrootcert=.*none\.pem cannot be read"):
        connect(replace(database, sslmode="verify-full", sslrootcert=str(tmp_path / "none.pem")))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return pem, key


@contextmanager
def tls_before(dsn, certificate):
    """A server of TLS in front of PostgreSQL, for one connection; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, sink):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def serve():
        plain, _ = listener.accept()
        plain.recv(8)
        plain.sendall(b"S")
        try:
            secure = context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with secure, socket.create_connection((dsn.host, dsn.port)) as inside:
            back = threading.Thread(target=copy, args=(inside, secure))
            back.start()
            copy(secure, inside)
            back.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_tls_modes_connect_to_a_server_that_has_it(database, certificate, mode):
    with tls_before(database, certificate) as port:
        dsn = replace(database, host="localhost", port=port, sslmode=mode, sslrootcert=str(certificate[0]))
        with connected(dsn) as connection:
            assert [1] == connection.one("SELECT 1")
            assert connection._usock.gettimeout() is None


def test_an_unknown_certificate_is_refused(database, certificate):
    with (
        tls_before(database, certificate) as port,
        pytest.raises(Refused, match="offers TLS that sslmode=verify-full does not take"),
    ):
        connect(replace(database, host="localhost", port=port, sslmode="verify-full"))


def test_an_error_in_a_transaction_rolls_it_back_and_leaves_the_connection_usable(database):
    with connected(database) as connection:
        connection.run("CREATE TABLE t (a int)")
        with pytest.raises(pg8000.exceptions.DatabaseError), transaction(connection):
            connection.run("INSERT INTO t VALUES (1)")
            connection.run("SELECT 1 / 0")
        assert [0] == connection.one("SELECT count(*) FROM t")
        assert not connection.in_transaction


def test_a_transaction_on_a_connection_that_dies_raises_what_happened_and_closes_it(database):
    with connected(database) as connection, connected(database) as other:
        with pytest.raises(pg8000.exceptions.Error), transaction(connection):
            assert connection.in_transaction
            (pid,) = connection.one("SELECT pg_backend_pid()")
            other.run("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
            connection.run("SELECT 1")
            connection.run("SELECT 2")
        assert not connection.in_transaction
        close(connection)
        close(connection)


def test_a_session_opens_once_and_anew_after_its_connection_broke(database):
    session = Session(database)
    first = session.connection()
    assert session.connection() is first
    with connected(database) as other:
        other.run("SELECT pg_terminate_backend(:pid, 5000)", pid=first.one("SELECT pg_backend_pid()")[0])
    second = session.connection()
    assert second is not first
    assert [1] == second.one("SELECT 1")
    session.close()
    session.close()
