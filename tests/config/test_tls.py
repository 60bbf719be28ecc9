"""TLS options against real certificates and real handshakes, in memory."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ha_manager.config import Options, TLSOptions, build_options
from ha_manager.errors import ConfigurationError

PASS_PHRASE = "hush-hush"
USES = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path
    locked_key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("node.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        # Python 3.13 verifies strictly by default, and then these must be there.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(USES, critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Files(folder / "cert.pem", folder / "key.pem", folder / "locked.pem")
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    for path, lock in (
        (made.key, serialization.NoEncryption()),
        (made.locked_key, serialization.BestAvailableEncryption(PASS_PHRASE.encode())),
    ):
        path.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        )
    yield made


def build(**kwargs: Any) -> Options:
    return build_options({"host": "h", "ssl": True, **kwargs})


def tls(**kwargs: Any) -> TLSOptions:
    found = build(**kwargs).node.tls
    assert found is not None
    return found


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Run one handshake without a network; raises what the client thinks of the server."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
        if near.version() is not None:
            return near
    raise AssertionError("the handshake does not end")


def test_there_is_no_tls_unless_asked_for() -> None:
    options = build_options({"host": "h"})
    assert options.node.tls is None
    assert options.sentinel.tls is None


def test_the_context_is_made_once() -> None:
    made = tls()
    assert made.context() is made.context()


def test_by_default_certificate_and_host_name_are_verified(files: Files) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        shake_hands(tls().context(), files.server(), "node.example")
    trusting = tls(
        ssl_ca_certs=files.certificate, ssl_include_verify_flags=[ssl.VerifyFlags.VERIFY_X509_STRICT]
    ).context()
    assert shake_hands(trusting, files.server(), "node.example").version() is not None
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(trusting, files.server(), "other.example")


def test_the_host_name_need_not_be_checked(files: Files) -> None:
    lenient = tls(ssl_ca_data=files.certificate.read_text(), ssl_check_hostname=False).context()
    assert shake_hands(lenient, files.server(), "other.example").version() is not None


@pytest.mark.parametrize("none", ["none", ssl.CERT_NONE])
def test_without_verification_no_host_name_is_checked_either(files: Files, none: object) -> None:
    trusting = tls(ssl_cert_reqs=none, ssl_check_hostname=True).context()
    assert not trusting.check_hostname
    assert shake_hands(trusting, files.server(), "other.example").version() is not None


@pytest.mark.parametrize(("key", "password"), [("key", None), ("locked_key", PASS_PHRASE)])
def test_a_client_certificate_is_shown(files: Files, key: str, password: str | None) -> None:
    demanding = files.server()
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(files.certificate)
    client = tls(
        ssl_certfile=files.certificate,
        ssl_keyfile=getattr(files, key),
        ssl_password=password,
        ssl_ca_certs=files.certificate,
    ).context()
    assert shake_hands(client, demanding, "node.example").version() is not None


@pytest.mark.parametrize("password", [None, "wrong" + PASS_PHRASE, PASS_PHRASE * 200])
def test_a_pass_phrase_that_does_not_fit_is_an_error_and_not_a_prompt(
    files: Files, password: str | None
) -> None:
    with pytest.raises(ConfigurationError, match="ssl_certfile, ssl_keyfile or ssl_password") as caught:
        build(ssl_certfile=files.certificate, ssl_keyfile=files.locked_key, ssl_password=password)
    assert PASS_PHRASE not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["ssl_certfile", "ssl_ca_certs", "ssl_ca_path"])
def test_a_missing_file_is_found_before_connecting(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}=.*exists"):
        build(**{name: tmp_path / "missing"})


def test_a_missing_key_is_told_from_a_missing_certificate(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^ssl_keyfile="):
        build(ssl_certfile=files.certificate, ssl_keyfile=tmp_path / "missing")


def test_files_that_hold_something_else(files: Files) -> None:
    with pytest.raises(ConfigurationError, match=r"^ssl_ca_certs holds no usable CA certificate"):
        build(ssl_ca_certs=files.key)
    with pytest.raises(ConfigurationError, match=r"^ssl_certfile"):
        build(ssl_certfile=files.key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ssl_cert_reqs", value) for value in (None, "NONE", "always", True, 2)),
        *(("ssl_min_version", value) for value in ("TLSv9", 1, True, 771.0, "")),
        *(("ssl_ciphers", value) for value in ("", 5, "no-such-cipher", "\udc80")),
        *(("ssl_ca_data", value) for value in ("", "no PEM", b"no DER", 5, "\udc80", "a\0b")),
        *(("ssl_include_verify_flags", value) for value in ("VERIFY_X509_STRICT", ["NO_FLAG"], 5, [5])),
        *(
            ("ssl_context", value)
            for value in (True, ssl.SSLContext, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        ),
        *((name, value) for name in ("ssl_ca_certs", "ssl_ca_path") for value in ("", b"x", "a\0b", 1)),
    ],
)
def test_values_that_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}"):
        build(**{name: value})


@pytest.mark.parametrize("written", [ssl.TLSVersion.TLSv1_3, "TLSv1_3", "TLSv1.3", 772])
def test_the_lowest_version(files: Files, written: object) -> None:
    assert tls(ssl_min_version=written).context().minimum_version is ssl.TLSVersion.TLSv1_3


def test_ciphers_and_flags() -> None:
    strict, lenient = ssl.VerifyFlags.VERIFY_X509_STRICT, ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST
    context = tls(
        ssl_ciphers="ECDHE-RSA-AES128-GCM-SHA256",
        ssl_include_verify_flags=[strict],
        ssl_exclude_verify_flags=["VERIFY_X509_TRUSTED_FIRST"],
    ).context()
    assert strict in context.verify_flags
    assert lenient not in context.verify_flags
    assert "ECDHE-RSA-AES128-GCM-SHA256" in [cipher["name"] for cipher in context.get_ciphers()]
    assert "ECDHE-RSA-AES256-GCM-SHA384" not in [cipher["name"] for cipher in context.get_ciphers()]


def test_a_context_of_the_users_own_is_used_as_it_is() -> None:
    own = ssl.create_default_context()
    assert tls(ssl_context=own).context() is own


def by_sentinel(**kwargs: Any) -> Options:
    return build_options({"cluster_name": "m", "sentinels": ["a"], "ssl": True, **kwargs})


def test_sentinels_speak_tls_only_when_asked_to() -> None:
    assert by_sentinel().sentinel.tls is None


def test_sentinels_without_tls_options_of_their_own_use_those_of_the_nodes() -> None:
    options = by_sentinel(sentinel_ssl=True, ssl_cert_reqs="none")
    assert options.sentinel.tls is options.node.tls


def test_one_tls_option_of_their_own_and_sentinels_use_none_of_the_nodes() -> None:
    options = by_sentinel(sentinel_ssl=True, ssl_cert_reqs="none", sentinel_ssl_check_hostname=False)
    assert options.sentinel.tls is not None
    assert options.sentinel.tls.cert_reqs is ssl.CERT_REQUIRED
    assert not options.sentinel.tls.check_hostname


def test_errors_about_sentinels_name_the_options_of_sentinels(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^sentinel_ssl_ca_certs="):
        by_sentinel(sentinel_ssl=True, sentinel_ssl_ca_certs=tmp_path / "missing")


def test_no_secret_is_shown(files: Files) -> None:
    options = build(ssl_certfile=files.certificate, ssl_keyfile=files.locked_key, ssl_password=PASS_PHRASE)
    assert PASS_PHRASE not in repr(options) + str(options)
