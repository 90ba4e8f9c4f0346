"""The documents say what the program says."""

import os
import re
import shutil

import pytest
from conftest import ROOT
from kit.edge import secret
from kit.processes import run


def test_the_configuration_reference_is_the_programs_own(binary):
    """docs/configuration.md holds the output of `tunnel-edge configuration-reference` between two marks."""
    code, told = run([binary, "configuration-reference"])
    assert code == 0, told
    text = (ROOT / "docs" / "configuration.md").read_text()
    begin, end = "<!-- reference: begin -->\n", "<!-- reference: end -->"
    assert begin in text and end in text
    written = text[text.index(begin) + len(begin) : text.index(end)]
    assert written.strip() == told.strip(), "run scripts/reference to bring docs/configuration.md up to date"


def test_links_between_documents_lead_somewhere():
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    pages += sorted((ROOT / "docs").rglob("*.md"))
    broken = []
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_command_is_named_in_the_readme(binary):
    readme = (ROOT / "README.md").read_text()
    for command in ("scripts/demo", "scripts/test", "tunnel-edge run", "tunnel-edge check", "tunnel-edge keygen"):
        assert command in readme


@pytest.mark.parametrize("example", ["config.yaml", "compose/config.yaml"])
def test_the_examples_are_right(binary, tmp_path, authority, example):
    """The example files pass `check` when what they name is there."""
    text = (ROOT / "docs" / "examples" / example).read_text()
    text = re.sub(r"/(?:etc|var/lib)/tunnel-edge", str(tmp_path), text)
    code, output = run([binary, "keygen", "--dir", tmp_path / "keys"])
    assert code == 0, output
    for name in ("shared_secret", "cookie_secret", "secrets/shared_secret", "secrets/cookie_secret"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(secret() + "\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "secrets" / "idp_client_secret").write_text("secret\n")
    (tmp_path / "secrets" / "idp_client_secret").chmod(0o600)
    (tmp_path / "tls").mkdir()
    names = ["signin.example.org", "app.tunnels.example.net", "auth.localhost", "app.localhost"]
    certificate, key = authority.issue("examples", names)
    for name in ("tls", "tls/signin.example.org", "tls/tunnels.example.net"):
        shutil.copy(certificate, tmp_path / f"{name}.pem")
        shutil.copy(key, tmp_path / f"{name}-key.pem")
        os.chmod(tmp_path / f"{name}-key.pem", 0o600)
    (tmp_path / "config.yaml").write_text(text)
    code, output = run([binary, "check", "--config", tmp_path / "config.yaml"])
    assert code == 0, output
    assert "error" not in output, output
