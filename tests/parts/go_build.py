"""Build Kubernetes, etcd, kwok, Helm and KEDA from their Go modules, once per user.

Each part has a folder in ``go/`` whose go.mod and go.sum pin every module. Only the programs
are kept; what they were built from stays in Go's own caches. A cold build of everything takes
about half an hour on two cores. ``python -m tests.parts.go_build [PART ...]`` builds what is
missing and prints where the programs lie.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts.errors import RealPartError
from tests.parts.kept import only_one_run, parts_folder, run_program, whole_or_not_at_all

MODULES = Path(__file__).parent / "go"
BUILD_SECONDS = 3600.0
STRIPPED = "-s -w"


@dataclass(frozen=True, slots=True)
class GoPart:
    """Programs out of one module: what each is called and the Go package that makes it.

    ``stamps`` are string variables set at link time. A version must be among them where clients
    parse what the program says of itself; a build date must be fixed, else all is linked anew.
    ``edits`` says for a program which text of its main.go is to be which other one. ``kept`` names
    folders of the source that are kept beside the programs. Both need ``module``.
    """

    name: str
    version: str
    programs: Mapping[str, str]
    stamps: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    edits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def linker_flags(self) -> str:
        """What ``-ldflags`` takes."""
        return " ".join([STRIPPED, *(f"-X {name}={value}" for name, value in self.stamps.items())])


_KUBERNETES_VERSION = "k8s.io/component-base/version"
_KEDA = "github.com/kedacore/keda/v2"
CLUSTER = (
    GoPart("etcd", "3.6.16", {"etcd": "go.etcd.io/etcd/server/v3"}),
    GoPart(
        "kubernetes",
        "1.36.3",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        },
        {
            f"{_KUBERNETES_VERSION}.gitVersion": "v1.36.3",
            f"{_KUBERNETES_VERSION}.gitMajor": "1",
            f"{_KUBERNETES_VERSION}.gitMinor": "36",
            f"{_KUBERNETES_VERSION}.gitTreeState": "clean",
            f"{_KUBERNETES_VERSION}.gitCommit": "0" * 40,
            f"{_KUBERNETES_VERSION}.buildDate": "2026-01-01T00:00:00Z",
        },
    ),
    GoPart(
        "kwok",
        "0.8.0",
        {"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        {"sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0"},
    ),
)
HELM = (GoPart("helm", "4.3.1", {"helm": "helm.sh/helm/v4/cmd/helm"}),)
KEDA = (
    GoPart(
        "keda",
        "2.21.0",
        {"keda-operator": f"{_KEDA}/cmd/operator", "keda-adapter": f"{_KEDA}/cmd/adapter"},
        {f"{_KEDA}/version.Version": "2.21.0", f"{_KEDA}/version.GitCommit": "v2.21.0"},
        # The adapter's own metrics would be served to the whole network; it has no option for it.
        module=_KEDA,
        edits={"keda-adapter": ('Sprintf(":%v", metricsAPI', 'Sprintf("127.0.0.1:%v", metricsAPI')},
        kept={"keda-crds": "config/crd/bases"},
    ),
)


def built_programs(parts: Sequence[GoPart]) -> dict[str, Path]:
    """Return where each program lies, and each folder that is kept with them.

    Raises:
        RealPartError: in one line, if one was not built yet. Nothing is built here: that takes
            longer than a test may.
    """
    folders = {part.name: _folder_of(part) for part in parts}
    if missing := [name for name, folder in folders.items() if not folder.is_dir()]:
        command = f"python -m tests.parts.go_build {' '.join(missing)}"
        raise RealPartError(f"{', '.join(missing)}: not built yet; {command}")
    return {
        name: folders[part.name] / name for part in parts for name in (*part.programs, *part.kept)
    }


def build(part: GoPart) -> Path:
    """Return the folder with a part's programs, built if they were not.

    Raises:
        RealPartError: in one line, if Go is missing or does not build them.
    """
    folder = _folder_of(part)
    with only_one_run(f"lock-{part.name}"):
        if not folder.is_dir():
            with whole_or_not_at_all(folder) as unfinished:
                for name in part.programs:
                    _build_program(part, name, unfinished / name)
                for name, source in part.kept.items():
                    shutil.copytree(_source(part) / source, unfinished / name)
    return folder


def _folder_of(part: GoPart) -> Path:
    """Return a folder whose name changes with whatever changes the programs."""
    if not shutil.which("go"):
        raise RealPartError(f"{part.name}: go is not on PATH (https://go.dev/dl)")
    version = _go(part, ["env", "GOVERSION"]).strip()
    made_from = f"{version}\0{part.linker_flags}\0{part.programs}"
    if part.edits or part.kept:
        made_from += f"\0{part.edits}\0{part.kept}"
    mark = hashlib.sha256(made_from.encode())
    for name in ("go.mod", "go.sum"):
        mark.update((MODULES / part.name / name).read_bytes())
    return parts_folder() / f"{part.name}-{part.version}-{mark.hexdigest()[:8]}"


def _build_program(part: GoPart, name: str, to: Path) -> None:
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", part.linker_flags]
    if name not in part.edits:
        _go(part, ["build", *flags, "-o", str(to), part.programs[name]])
        return
    with _edited_copy(part, name) as module:
        _go(part, ["build", *flags, "-o", str(to), f"./{name}"], at=module)


@contextlib.contextmanager
def _edited_copy(part: GoPart, name: str) -> Iterator[Path]:
    """Lay down our module with the program's main.go, one text of it another.

    Go replaces no file of its module cache, so the program has to be a package of ours.

    Raises:
        RealPartError: if the text is not there exactly once.
    """
    package = part.programs[name].removeprefix(f"{part.module}/")
    text = (_source(part) / package / "main.go").read_text(encoding="utf-8")
    old, new = part.edits[name]
    if text.count(old) != 1:
        raise RealPartError(f"{part.name}: {old} is {text.count(old)} times in {name}'s main.go")
    with tempfile.TemporaryDirectory(prefix=f"headstart-{part.name}-") as folder:
        module = Path(folder)
        for file in ("go.mod", "go.sum"):
            shutil.copy(MODULES / part.name / file, module)
        (module / name).mkdir()
        (module / name / "main.go").write_text(text.replace(old, new), encoding="utf-8")
        yield module


def _source(part: GoPart) -> Path:
    """Return the folder in which Go keeps the source of the part's module."""
    return Path(json.loads(_go(part, ["mod", "download", "-json", part.module]))["Dir"])


def _go(part: GoPart, arguments: list[str], *, at: Path | None = None) -> str:
    return run_program(
        ["go", *arguments],
        why=f"{part.name}: go {arguments[0]} failed",
        within_seconds=BUILD_SECONDS,
        at=at or MODULES / part.name,
        environment={"CGO_ENABLED": "0"},
    ).stdout


def main(names: Sequence[str]) -> int:
    """Build the named parts, by default all; 1 and one line if one fails."""
    known = {part.name: part for part in (*CLUSTER, *HELM, *KEDA)}
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"{unknown[0]}: must be one of {', '.join(known)}\n")
        return 2
    try:
        for part in [known[name] for name in names] or known.values():
            sys.stdout.write(f"{part.name:11} {build(part)}\n")
            sys.stdout.flush()
    except RealPartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
