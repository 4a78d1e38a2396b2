"""Signed bundles: opened with the right key, refused in one line with any other and after any change."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("cryptography", reason="signatures need pip install 'edgegsr[sign]'")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from test_bundle import write

from edgegsr.bundle import open_bundle, seal, sign
from edgegsr.errors import InputError, MissingExtra
from edgegsr.runtime import SituationRecognizer
from edgegsr.signature import signer

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def save(folder: Path, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> Path:
    folder.mkdir()
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(PEM, PKCS8, lock))
    (folder / "public.pem").write_bytes(key.public_key().public_bytes(PEM, SPKI))
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return save(tmp_path / "keys", ed25519.Ed25519PrivateKey.generate())


@pytest.fixture
def folder(tmp_path: Path, keys: Path) -> Path:
    sign(made := write(tmp_path / "bundle"), signer(keys / "key.pem"))
    return made


def test_a_signed_bundle_opens_with_its_key_and_without_one(folder: Path, keys: Path) -> None:
    assert open_bundle(folder, keys / "public.pem") == open_bundle(folder, str(keys / "public.pem"))
    assert "manifest.sig" not in open_bundle(folder).manifest["files"]
    assert len((folder / "manifest.sig").read_bytes()) == 64


def test_sealing_again_takes_the_signature_away(folder: Path, keys: Path) -> None:
    seal(folder, {})
    assert not (folder / "manifest.sig").exists() and open_bundle(folder)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (
            lambda f: (f / "manifest.sig").unlink(),
            r"manifest\.sig: no such file; the bundle is not signed, and a key was",
        ),
        (lambda f: (f / "manifest.sig").write_bytes(b""), r"manifest\.sig: is not what the key of .* signs this"),
        (lambda f: (f / "manifest.sig").write_bytes(bytes(64)), r"manifest\.sig: is not what the key of .* signs this"),
        (lambda f: (f / "manifest.sig").write_bytes(b"x" * 99_999), r"manifest\.sig: is not what the key of"),
        (
            lambda f: ((f / "manifest.sig").unlink(), (f / "manifest.sig").mkdir()),
            r"manifest\.sig: cannot be read: is a",
        ),
        (lambda f: (f / "manifest.json").write_text((f / "manifest.json").read_text() + " "), "is not what the key of"),
        (lambda f: (f / "model.onnx").write_bytes(b"x"), "model.onnx is not the file that was sealed"),
    ],
    ids=["missing", "empty", "zeros", "long", "folder", "manifest", "graph"],
)
def test_what_was_changed_after_it_was_signed_is_refused(
    folder: Path, keys: Path, harm: Callable[[Path], object], message: str
) -> None:
    harm(folder)
    with pytest.raises(InputError, match=message) as caught:
        open_bundle(folder, keys / "public.pem")
    assert str(folder) in str(caught.value) and str(caught.value).isprintable()


def test_the_signature_comes_before_the_manifest_is_believed(folder: Path, keys: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="is not what the key of"):
        open_bundle(folder, keys / "public.pem")


def test_the_key_of_somebody_else_opens_nothing(folder: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other", ed25519.Ed25519PrivateKey.generate()) / "public.pem"
    with pytest.raises(
        InputError, match=f"is not what the key of {other} signs this manifest with; the bundle is from"
    ):
        SituationRecognizer(folder, key=other)
    with pytest.raises(ValueError, match="key: the bundle is open already; give the key to `open_bundle`"):
        SituationRecognizer(open_bundle(folder), key=other)


def test_what_is_no_key_is_refused_with_what_makes_one(folder: Path, keys: Path, tmp_path: Path) -> None:
    curve = save(tmp_path / "curve", ec.generate_private_key(ec.SECP256R1()))
    locked = save(tmp_path / "locked", ed25519.Ed25519PrivateKey.generate(), b"secret")
    (garbage := tmp_path / "garbage.pem").write_bytes(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")
    lines = [
        (
            keys / "key.pem",
            "wanted an Ed25519 public key in PEM, got something else; run: openssl pkey -in key.pem -pub",
        ),
        (garbage, "wanted an Ed25519 public key in PEM, got something else"),
        (curve / "public.pem", "wanted an Ed25519 public key in PEM, got EllipticCurvePublicKey|ECPublicKey"),
        (tmp_path / "nobody.pem", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: is a folder"),
    ]
    for path, message in lines:
        with pytest.raises(InputError, match=message):
            open_bundle(folder, path)
    lines = [
        (
            keys / "public.pem",
            "wanted an Ed25519 private key in PEM, got something else; run: openssl genpkey -algorithm",
        ),
        (curve / "key.pem", "wanted an Ed25519 private key in PEM, got (EllipticCurve|EC)PrivateKey"),
        (locked / "key.pem", "is encrypted, and nobody can be asked; run: openssl pkey -in .*key.pem -out plain.pem"),
        (tmp_path / "nobody.pem", "cannot be read: No such file or directory"),
    ]
    for path, message in lines:
        with pytest.raises(InputError, match=message):
            signer(path)


def test_without_the_package_the_install_line_is_told(
    folder: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"signatures \(cryptography\) needs .*; run: pip install 'edgegsr\[sign\]'"):
        open_bundle(folder, keys / "public.pem")


def test_verify_tells_by_whom_and_exits_with_2_where_it_is_not(
    folder: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("typer")
    from commandline import run

    assert run("verify", folder, "--key", keys / "public.pem", "--json") == 0
    said = capsys.readouterr().out
    assert f"signed with the key of {keys / 'public.pem'}" in said and json.loads(said.splitlines()[-1])
    other = save(tmp_path / "other", ed25519.Ed25519PrivateKey.generate()) / "public.pem"
    assert run("verify", folder, "--key", other) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run("verify", folder) == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_makes_the_keys_and_agrees(folder: Path, tmp_path: Path) -> None:
    key, public = tmp_path / "key.pem", tmp_path / "public.pem"
    check = ["-in", folder / "manifest.json", "-sigfile", folder / "manifest.sig"]
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    sign(folder, signer(key))
    assert open_bundle(folder, public)
    subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, *check], check=True)
