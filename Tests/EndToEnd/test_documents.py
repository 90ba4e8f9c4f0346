"""The documents say what the program says."""

import re

from conftest import ROOT
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
    pages += sorted((ROOT / "docs").glob("*.md"))
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
