"""Look up what is installed in a database of known weaknesses, and say what came of it.

    python tools/audit.py PIP_AUDIT SITE_PACKAGES

Exit code 1 for known weaknesses. Where nothing can be looked up (no network, an index of packages without such a
database) it says that nothing was audited and ends with 0: a check that cannot be made must not read like one that was
passed, nor stop those who work offline.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

_SECONDS = 300


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines for a report of pip-audit."""
    packages = report["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package and package["name"] != "nftui"]
    found = [(package, weakness) for package in audited for weakness in package["vulns"]]
    lines = [
        f"{package['name']} {package['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for package, weakness in found
    ]
    if not audited:
        return 0, [f"audit: skipped: none of {len(packages)} packages is in the database that can be reached from here"]
    if found:
        return 1, [*lines, f"audit: {len(found)} known weaknesses in {len(audited)} packages"]
    missing = len(packages) - len(audited)
    return 0, [f"audit: no known weakness in {len(audited)} packages; {missing} could not be looked up"]


def main() -> int:
    """Ask pip-audit and tell what it found."""
    program, folder = sys.argv[1:]
    command = [program, "--path", folder, "--format", "json", "--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        code, lines = verdict(json.loads(done.stdout))
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        code, lines = 0, ["audit: skipped: the database of weaknesses cannot be reached from here"]
    print("\n".join(lines), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
