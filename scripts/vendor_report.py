"""Fetch the JavaScript libraries that reports carry inside, and record what they are.

    python scripts/vendor_report.py            # needs npm; `make vendor` does the same

A new version is a change of `LIBRARIES`; the README beside the files then has its
SHA-256, which the tests hold the files to.
"""

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "neuralmd_cli" / "report" / "vendor"

LIBRARIES = {
    "3dmol": ("2.5.5", "BSD-3-Clause", "build/3Dmol-min.js", "3Dmol-min.js"),
    "plotly.js-basic-dist-min": (
        "4.1.1",
        "MIT",
        "plotly-basic.min.js",
        "plotly-basic.min.js",
    ),
}
"""npm package: version, licence, file in the package, its name here."""

README = """# Libraries inside every report

A report must open without network, so the page carries these files. They are the
unchanged files of the npm packages named; `make vendor` fetches them again. Their
licences are beside them and, as their terms ask, at the end of every report.

| file | npm package | version | licence | SHA-256 |
|---|---|---|---|---|
"""


def main() -> None:
    """Fetch every library with its licence, and write the README."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = [README]
    for package, (version, licence, inside, name) in LIBRARIES.items():
        held = fetched(package, version, (inside, "LICENSE"))
        (FOLDER / name).write_bytes(held[inside])
        (FOLDER / f"{name}.LICENSE").write_bytes(held["LICENSE"])
        digest = hashlib.sha256(held[inside]).hexdigest()
        lines.append(f"| {name} | {package} | {version} | {licence} | `{digest}` |\n")
        print(f"{package} {version}: {len(held[inside])} bytes")
    (FOLDER / "README.md").write_text("".join(lines))


def fetched(package: str, version: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """Files of one npm package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", "--silent", f"{package}@{version}"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            held = {}
            for name in names:
                member = tar.extractfile(f"package/{name}")
                if member is None:
                    raise SystemExit(f"{package} {version} holds no {name}")
                held[name] = member.read()
    return held


if __name__ == "__main__":
    main()
