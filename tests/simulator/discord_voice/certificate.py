"""A certificate for 127.0.0.1, made once per process: Discord's voice gateway speaks TLS only."""

import atexit
import datetime
import functools
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`pem` is all that a client needs to trust it; `server` and `client` are contexts for either side."""

    pem: str = field(repr=False)
    server: ssl.SSLContext = field(repr=False)
    client: ssl.SSLContext = field(repr=False)

    def bundle(self) -> Path:
        """A file for the variable SSL_CERT_FILE of a child process: this certificate beside those that are trusted on
        this machine anyway. It is there until this process ends."""
        return _bundle(self.pem)


@functools.lru_cache(maxsize=1)
def _bundle(pem: str) -> Path:
    usual = ssl.get_default_verify_paths().cafile
    others = Path(usual).read_text(encoding="utf-8", errors="replace") if usual and Path(usual).exists() else ""
    folder = tempfile.TemporaryDirectory(prefix="discord-trust-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "trusted.pem"
    path.write_text(f"{pem}\n{others}", encoding="utf-8")
    return path


@functools.lru_cache(maxsize=1)
def certificate() -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ADDRESS)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_ADDRESS))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = built.public_bytes(encoding)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(secret + public)
        file.flush()
        server.load_cert_chain(file.name)
    client = ssl.create_default_context()
    client.load_verify_locations(cadata=public.decode())
    return Certificate(pem=public.decode(), server=server, client=client)
