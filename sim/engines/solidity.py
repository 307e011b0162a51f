"""The Solidity build: everything is compiled again when anything it depends on has changed.

Ape compares each source by itself with what it compiled last, so the bytecode of a contract
outlives a change of a library, a base contract, a package or a setting of the compiler. Whoever
wants artifacts takes them from a project that went through `up_to_date`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.files.whole import replacing

if TYPE_CHECKING:  # importing ape takes a second
    from ape.managers.project import ProjectManager

_COMPILER = Path("node_modules", "solc", "soljson.js")
"""What tools/solc, the compiler that ape is shown, hands its work to."""
_TOOLS = ("eth-ape", "ape-solidity", "py-solc-x")
"""Packages that say what the compiler is asked for, and keep what it answers."""
_QUOTED_SOURCE = re.compile(r"""["']([^"'\n]+\.sol)["']""")
"""What an import names; elsewhere it does no harm, for what is no file is left out."""


def up_to_date(project: ProjectManager) -> ProjectManager:
    """The project with artifacts of its sources, imports, settings and compiler of this moment.

    Compiles everything, and says so on standard error, unless the last compilation was of exactly
    these and no other command has written artifacts since. Processes that ask at once wait for the
    one that compiles. Raises ape's `CompilerError` if a source is wrong; the next call tries again.
    """
    manifest = project.manifest_path
    stamp = manifest.with_name("compiled")
    manifest.parent.mkdir(exist_ok=True)
    with _locked(manifest.with_name("lock")):
        inputs = _inputs(project)
        known = all(one.exists() for one in (manifest, _layouts(project), stamp))
        if not (known and stamp.read_text(encoding="utf-8") == _seal(inputs, project)):
            news = "changed since all were compiled" if known else "not compiled yet"
            print(f"contracts: {news}; compiling", file=sys.stderr, flush=True)
            compiled = _compile(project)
            if _inputs(compiled) == inputs:  # nobody saved a source or a setting meanwhile
                with replacing(stamp) as draft:
                    draft.write_text(_seal(inputs, project), encoding="utf-8")
        project.load_manifest()  # what was in memory may be older than the file
    return project


def layouts(project: ProjectManager) -> dict[str, Any]:
    """Contract -> what solc says of its storage (`sim.engines.layouts`), of an `up_to_date` one."""
    found: dict[str, Any] = json.loads(_layouts(project).read_text(encoding="utf-8"))
    return found


def _layouts(project: ProjectManager) -> Path:
    return Path(project.manifest_path).with_name("layouts.json")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock of one that ends, however it does, is gone with it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _compile(project: ProjectManager) -> ProjectManager:
    """Everything, beside the artifacts that other processes may be reading."""
    import ape
    from ape.logging import LogLevel, logger

    with replacing(project.manifest_path) as draft, logger.at_level(LogLevel.WARNING):
        compiled: ProjectManager = ape.Project(project.path, manifest_path=draft)
        compiled.load_contracts(use_cache=False)
    with replacing(_layouts(project)) as draft:
        draft.write_text(json.dumps(_storage(compiled), sort_keys=True), encoding="utf-8")
    return compiled


def _storage(project: ProjectManager) -> dict[str, Any]:
    """What solc says of the storage of every contract, which ape does not ask it for."""
    import ape
    from ape_solidity.compiler import SolidityCompiler
    from solcx import compile_standard

    compiler = ape.compilers.get_compiler("solidity")
    assert isinstance(compiler, SolidityCompiler)
    sources = [path for path in project.sources.paths if path.suffix == ".sol"]
    found = {}
    for version_, asked in compiler.get_standard_input_json(sources, project=project).items():
        asked["settings"]["outputSelection"] = {"*": {"*": ["storageLayout"]}}
        done = compile_standard(
            asked, base_path=project.path, solc_version=version_.base_version, allow_empty=True
        )
        for file in asked["sources"]:
            for name, contract in done.get("contracts", {}).get(file, {}).items():
                found[name] = _without_places(contract["storageLayout"])
    return found


def _without_places(layout: Any) -> Any:
    """Without where in the sources a variable is declared."""
    if isinstance(layout, list):
        return [_without_places(one) for one in layout]
    if not isinstance(layout, dict):
        return layout
    kept = {key: one for key, one in layout.items() if key not in ("astId", "contract")}
    return {key: _without_places(one) for key, one in kept.items()}


def _seal(inputs: str, project: ProjectManager) -> str:
    """Digest of the inputs together with the artifacts made of them."""
    made = project.manifest_path.read_bytes() + _layouts(project).read_bytes()
    return hashlib.sha256(inputs.encode() + made).hexdigest()


def _inputs(project: ProjectManager) -> str:
    """Digest of all that bytecode depends on."""
    from solcx.install import get_solcx_install_folder

    solidity = project.config.solidity.model_dump(mode="json")
    left_out = sorted(map(str, project.config.compile.exclude))
    tools = {tool: version(tool) for tool in _TOOLS}
    settings = [solidity, left_out, project.config.dependencies, tools]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    files = {os.path.relpath(path, project.path): path for path in _sources(project)}
    files |= {path.name: path for path in get_solcx_install_folder().glob("solc-v*")}
    files[str(_COMPILER)] = project.path / _COMPILER
    for name, path in sorted(files.items()):
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"\n{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(project: ProjectManager) -> set[Path]:
    """All of the project, and what it imports, and what that imports: here or in packages."""
    folder, found = project.contracts_folder, set[Path]()
    ahead = [*folder.rglob("*.sol"), *folder.rglob("*.json")]  # ape takes an ABI for an interface
    while ahead:
        path = ahead.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        for name in _QUOTED_SOURCE.findall(path.read_text(encoding="utf-8")):
            ahead += _candidates(name, path, project)
    return found


def _candidates(name: str, importer: Path, project: ProjectManager) -> Iterator[Path]:
    """Where an import may lead; more than the compiler would take costs nothing."""
    yield Path(os.path.normpath(importer.parent / name))
    yield Path(os.path.normpath(project.path / name))
    for remapping in project.config.solidity.import_remapping:
        if name.startswith(remapping.key):
            rest = name[len(remapping.key) :]
            yield Path(os.path.normpath(f"{project.path}/{remapping.value}{rest}"))
