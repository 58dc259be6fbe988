"""Prints the list of parts of an installation as CycloneDX JSON: Python, the packages of the lock, those of Debian.

`python .ci/sbom.py > sbom.cdx.json`, with the Python of the environment it is about. Standard library only. An
installed package that the lock does not hold in that version ends it with an error. The same parts give the same bytes.
"""

import json
import platform
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
OURS = "kibitz"
NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # that of URLs

Component = dict[str, Any]

# What authors wrote in words, or only as a classifier.
SPDX = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd 2-clause license": "BSD-2-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the mit license (mit)": "MIT",
}
# Their metadata says no more than "BSD".
KNOWN = {"jinja2": "BSD-3-Clause", "nodeenv": "BSD-3-Clause", "pocketsphinx": "BSD-2-Clause"}
_SPDX_ID = re.compile(r"[A-Za-z0-9.+\-]+")


def canonical(name: str) -> str:
    """As PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path = ROOT / "uv.lock") -> dict[str, set[str]]:
    """The versions of each package in the lock; a package may have one for each Python."""
    found: dict[str, set[str]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        found.setdefault(canonical(package["name"]), set()).add(package["version"])
    return found


def licence_of(package: metadata.Distribution) -> str | None:
    """An SPDX expression where one is known, else what its author wrote; None: nothing."""
    facts: Any = package.metadata
    name = canonical(facts["Name"])
    if expression := facts.get("License-Expression") or KNOWN.get(name):
        return str(expression)
    said = (facts.get("License") or "").strip().splitlines()[:1]
    classified = [
        line.rpartition(" :: ")[2] for line in facts.get_all("Classifier") or () if line.startswith("License :: ")
    ]
    candidates = [word for word in (*said, *classified) if word not in {"UNKNOWN", "OSI Approved", "DFSG approved"}]
    for word in candidates:
        if word.lower() in SPDX:
            return SPDX[word.lower()]
    return candidates[0] if candidates else None


def _licences(licence: str | None) -> dict[str, Any]:
    if licence is None:
        return {}
    if re.search(r" (?:AND|OR|WITH) ", licence):
        return {"licenses": [{"expression": licence}]}
    kind = "id" if _SPDX_ID.fullmatch(licence) and ("-" in licence or licence in {"MIT", "ISC", "0BSD"}) else "name"
    return {"licenses": [{"license": {kind: licence}}]}


def _component(kind: str, name: str, version: str, purl: str, licence: str | None) -> Component:
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl, **_licences(licence)}


def python_parts() -> Iterator[Component]:
    """The interpreter and every installed package."""
    version = platform.python_version()
    yield _component("application", "python", version, f"pkg:generic/python@{version}", "PSF-2.0")
    for package in metadata.distributions():
        name = canonical(package.metadata["Name"])
        if name != OURS:
            purl = f"pkg:pypi/{name}@{quote(package.version)}"
            yield _component("library", name, package.version, purl, licence_of(package))


def debian_parts(root: Path = Path("/")) -> Iterator[Component]:
    """Every installed package of Debian; none where there is no such list."""
    database = root / "var/lib/dpkg/status"
    if not database.is_file():
        return
    system = _fields((root / "etc/os-release").read_text(encoding="utf-8"), "=")
    distro = f"{system.get('ID', 'debian')}-{system.get('VERSION_ID', '')}".replace('"', "")
    for entry in database.read_text(encoding="utf-8").split("\n\n"):
        facts = _fields(entry, ": ")
        if not facts.get("Status", "").endswith(" installed"):
            continue
        name, version, arch = facts["Package"], facts["Version"], facts["Architecture"]
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={arch}&distro={distro}"
        part = _component("library", name, version, purl, None)
        licences = debian_licences(root / "usr/share/doc" / name / "copyright")
        if licences:
            part["licenses"] = [{"license": {"name": licence}} for licence in licences]
        yield part


def debian_licences(copyright_file: Path) -> list[str]:
    """What a machine-readable copyright file names."""
    if not copyright_file.is_file():
        return []
    text = copyright_file.read_text(encoding="utf-8", errors="replace")
    if not text.lstrip().startswith("Format:"):
        return []
    return sorted({name.strip() for name in re.findall(r"^License:[ \t]*(\S.*)$", text, re.MULTILINE)})


def _fields(text: str, mark: str) -> dict[str, str]:
    pairs = (line.partition(mark) for line in text.splitlines() if not line.startswith(" "))
    return {name: value for name, found, value in pairs if found}


def strangers(parts: list[Component]) -> list[str]:
    """Installed Python packages that the lock does not hold in that version."""
    lock = locked()
    return [
        f"{part['name']} {part['version']}"
        for part in parts
        if part["purl"].startswith("pkg:pypi/") and part["version"] not in lock.get(part["name"], ())
    ]


def bill(parts: list[Component]) -> dict[str, Any]:
    """The whole document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = _component(
        "application", OURS, project["version"], f"pkg:generic/{OURS}@{project['version']}", project["license"]
    )
    parts = sorted(parts, key=lambda part: part["bom-ref"])
    serial = uuid.uuid5(NAMESPACE, json.dumps([ours, parts], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": ours},
        "components": parts,
    }


def main() -> int:
    """Print it; 1 when something is installed that the lock does not hold."""
    parts = [*python_parts(), *debian_parts()]
    if unknown := strangers(parts):
        print(f"Installed, but not in uv.lock: {', '.join(unknown)}", file=sys.stderr)
        return 1
    json.dump(bill(parts), sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
