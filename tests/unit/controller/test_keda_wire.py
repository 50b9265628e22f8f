from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import controller.adapters.keda as package
from controller.adapters.keda import externalscaler_pb2 as wire

FOLDER = Path(package.__file__).parent
RENDERED = ("externalscaler_pb2.py", "externalscaler_pb2.pyi")


def test_what_is_checked_in_is_what_the_interface_renders_as(tmp_path: Path) -> None:
    out = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{FOLDER}", *out]
    subprocess.run([*command, "externalscaler.proto"], check=True, timeout=60, cwd=FOLDER)
    for name in RENDERED:
        assert (FOLDER / name).read_bytes() == (tmp_path / name).read_bytes(), "run `make proto`"


def test_the_calls_are_keda_s() -> None:
    service = wire.DESCRIPTOR.services_by_name["ExternalScaler"]
    assert service.full_name == "externalscaler.ExternalScaler"
    calls = {method.name: method.server_streaming for method in service.methods}
    assert calls == {
        "IsActive": False,
        "StreamIsActive": True,
        "GetMetricSpec": False,
        "GetMetrics": False,
        "StreamMetricSpec": True,
    }


def test_fields_have_keda_s_numbers_on_the_wire() -> None:
    value = wire.MetricValue(metricName="x", metricValue=3, metricValueFloat=3.0)
    assert value.SerializeToString() == b"\x0a\x01x\x10\x03\x19\x00\x00\x00\x00\x00\x00\x08@"
    spec = wire.MetricSpec(metricName="x", targetSize=1, targetSizeFloat=1.0)
    assert spec.SerializeToString() == b"\x0a\x01x\x10\x01\x19\x00\x00\x00\x00\x00\x00\xf0?"
    ref = wire.ScaledObjectRef(name="a", namespace="b", scalerMetadata={"k": "v"})
    assert ref.SerializeToString() == b"\x0a\x01a\x12\x01b\x1a\x06\x0a\x01k\x12\x01v"
