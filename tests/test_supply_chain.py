"""What Kibitz is made of: every package pinned by hash, from one place, of an allowed licence, above known holes; the
list of parts in the image names all of them."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from packaging.licenses import canonicalize_license_expression
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LOCK: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
LOCKED = [package for package in LOCK if package["name"] != "kibitz"]
(OURS,) = (package for package in LOCK if package["name"] == "kibitz")
HOLES: dict[str, list[dict[str, Any]]] = tomllib.loads((ROOT / "tests/known_holes.toml").read_text(encoding="utf-8"))
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0"),
    *("Zlib", "MPL-2.0"),
}
# Used as they are, through their interfaces, replaceable by whoever runs the bot.
BY_LINKING = {
    "soxr": "LGPL-2.1-or-later",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
}


def sbom() -> Any:
    """The script that lists the parts, as a module."""
    spec = spec_from_file_location("sbom", ROOT / ".ci/sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SBOM = sbom()


def reached(*groups: str) -> set[str]:
    """The packages that a plain installation with these extras needs, on any system."""
    needs: dict[str, list[dict[str, Any]]] = {}
    for package in LOCK:
        needs.setdefault(package["name"], []).append(package)
    waiting = [(one["name"], tuple(one.get("extra", ()))) for one in OURS["dependencies"]]
    waiting += [
        (one["name"], tuple(one.get("extra", ()))) for group in groups for one in OURS["optional-dependencies"][group]
    ]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for package in needs[name]:
            more = [one for extra in extras for one in package.get("optional-dependencies", {}).get(extra, ())]
            waiting += [(one["name"], tuple(one.get("extra", ()))) for one in (*package.get("dependencies", ()), *more)]
    return {name for name, _ in seen}


RUNTIME = reached(*OURS["optional-dependencies"])


def test_every_package_comes_from_one_place_and_is_pinned_by_hash() -> None:
    loose = [
        package["name"]
        for package in LOCKED
        if package["source"] != {"registry": "https://pypi.org/simple"}
        or not [*package.get("wheels", ()), *filter(None, [package.get("sdist")])]
        or not all(
            re.fullmatch(r"sha256:[0-9a-f]{64}", file.get("hash", ""))
            and file["url"].startswith("https://files.pythonhosted.org/")
            for file in (*package.get("wheels", ()), *filter(None, [package.get("sdist")]))
        )
    ]
    assert loose == []


def test_the_lock_belongs_to_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {canonicalize_name(re.split(r"[\[<>=~ ]", line)[0]) for line in project["dependencies"]}
    assert asked == {one["name"] for one in OURS["dependencies"]}
    extras = project["optional-dependencies"]
    assert extras.keys() == OURS["optional-dependencies"].keys()


def test_what_is_installed_is_what_is_locked() -> None:
    versions = SBOM.locked()
    apart = [
        f"{one.metadata['Name']} {one.version}"
        for one in metadata.distributions()
        if canonicalize_name(one.metadata["Name"]) != "kibitz"
        and one.version not in versions.get(canonicalize_name(one.metadata["Name"]), ())
    ]
    assert apart == []


def test_no_package_falls_back_into_a_known_hole() -> None:
    versions = {package["name"]: Version(package["version"]) for package in LOCKED}
    assert [one["package"] for one in HOLES["closed"] if versions[one["package"]] < Version(one["from"])] == []
    assert all(one["ids"] for one in HOLES["closed"])


def test_an_accepted_hole_is_still_open_and_has_a_reason() -> None:
    versions = {package["name"]: Version(package["version"]) for package in LOCKED}
    for one in HOLES["accepted"]:
        assert versions[one["package"]] < Version(one["fixed"]), f"{one['package']} is mended: take it out"
        assert one["reason"]


def test_the_cipher_library_is_used_for_nothing_but_ciphers() -> None:
    """Its accepted hole is in the points of curves."""
    used: set[str] = set()
    for path in (*ROOT.glob("bot/**/*.py"), *ROOT.glob("cogs/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nacl":
                used.add(node.module or "")
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names if alias.name.partition(".")[0] == "nacl"}
    assert used <= {"nacl.secret", "nacl.exceptions", "nacl.utils"}


def licences(expression: str) -> set[str]:
    """All that an SPDX expression names."""
    canonicalize_license_expression(expression)
    return set(re.split(r" (?:AND|OR) ", expression.replace("(", "").replace(")", "")))


def test_every_licence_is_allowed() -> None:
    refused = {}
    for package in metadata.distributions():
        name = canonicalize_name(package.metadata["Name"])
        licence = SBOM.licence_of(package)
        if name in RUNTIME and not (licence and licences(licence) <= ALLOWED) and BY_LINKING.get(name) != licence:
            refused[name] = licence
    assert refused == {}


def test_a_licence_that_is_not_on_the_list_is_found() -> None:
    assert not licences("MIT AND AGPL-3.0-only") <= ALLOWED
    assert licences("Apache-2.0 OR BSD-3-Clause") <= ALLOWED


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    done = subprocess.run([sys.executable, ROOT / ".ci/sbom.py"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_list_of_parts_names_every_installed_package_with_version_and_licence(parts: dict[str, Any]) -> None:
    assert (parts["bomFormat"], parts["specVersion"]) == ("CycloneDX", "1.5")
    listed = {one["name"]: one for one in parts["components"] if one["purl"].startswith("pkg:pypi/")}
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in metadata.distributions()}
    installed.pop("kibitz", None)
    assert {name: one["version"] for name, one in listed.items()} == installed
    assert [name for name, one in listed.items() if not one.get("licenses")] == []
    refs = [one["bom-ref"] for one in parts["components"]]
    assert len(set(refs)) == len(refs)


@pytest.mark.skipif(sys.platform != "linux" or sys.version_info < (3, 13), reason="as in the image")
def test_every_package_of_the_lock_that_the_image_installs_is_listed(parts: dict[str, Any]) -> None:
    names = {one["name"] for one in parts["components"]}
    assert RUNTIME - names - {"colorama", "pywin32", "tzdata"} == set()


def test_packages_of_debian_are_listed_with_their_licences(tmp_path: Path) -> None:
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/share/doc/ffmpeg").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\n')
    (tmp_path / "var/lib/dpkg/status").write_text(
        "Package: ffmpeg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7:7.1.5-0+deb13u1\n"
        "Description: tools\n more: words\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )
    (tmp_path / "usr/share/doc/ffmpeg/copyright").write_text(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nLicense: LGPL-2.1+\n\nFiles: x\nLicense: GPL-2+\n words\n"
    )
    (part,) = SBOM.debian_parts(tmp_path)
    assert part["purl"] == "pkg:deb/debian/ffmpeg@7%3A7.1.5-0%2Bdeb13u1?arch=amd64&distro=debian-13"
    assert [one["license"]["name"] for one in part["licenses"]] == ["GPL-2+", "LGPL-2.1+"]


def test_a_package_that_is_not_in_the_lock_ends_the_list() -> None:
    strange = [SBOM._component("library", "pillow", "1.0", "pkg:pypi/pillow@1.0", "MIT")]
    assert SBOM.strangers(strange) == ["pillow 1.0"]


@pytest.mark.parametrize(
    ("code", "told", "ends", "words"),
    [
        (0, "", 0, "No known holes"),
        (1, "pillow 12.2.0 has 1 known vulnerability", 1, "pillow 12.2.0"),
        (
            2,
            "error: Request failed\\n  cause: dns error\\n  cause: no such host",
            0,
            "could not be asked (no such host)",
        ),
    ],
    ids=["none", "one", "out of reach"],
)
def test_a_hole_fails_the_audit_and_a_database_out_of_reach_does_not(
    code: int, told: str, ends: int, words: str, tmp_path: Path
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\necho \"$*\" > {tmp_path}/asked\nprintf '{told}\\n'\nexit {code}\n")
    uv.chmod(0o755)
    done = subprocess.run(
        ["sh", ROOT / ".ci/audit"], env={**os.environ, "UV": str(uv)}, capture_output=True, check=False, text=True
    )
    assert done.returncode == ends
    assert words in done.stderr
    asked = (tmp_path / "asked").read_text()
    assert "--frozen" in asked
    assert all(f"--ignore {name}" in asked for one in HOLES["accepted"] for name in one["ids"])
