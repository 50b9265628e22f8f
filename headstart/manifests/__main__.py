"""``python -m headstart.manifests``: write the generated files under ``deploy/``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from headstart.manifests.files import generated_files

_DEPLOY = Path("deploy")


def main() -> int:
    """Write the files, or with ``--check`` say which differ; 1 if any does."""
    parser = argparse.ArgumentParser(prog="python -m headstart.manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which files differ")
    check = parser.parse_args().check
    stale = [
        (path, text)
        for path, text in generated_files(_DEPLOY).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{'differs' if check else 'written'}: {path}\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
