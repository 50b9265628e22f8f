from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import InvalidTraceError, UsageError
from headstart.traces import Trace, default_capacity, default_warmup, parse_warmup, read_trace

NEW_YEAR = 1767225600.0


def a_trace(requests: object, *, bin_seconds: float = 10.0) -> Trace:
    return Trace(
        name="trace",
        origin_epoch_seconds=0.0,
        bin_seconds=bin_seconds,
        requests=np.asarray(requests, dtype=np.float64),
    )


def read_text(folder: Path, text: str, name: str = "trace.csv") -> Trace:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_trace(path)


def test_counts_lie_on_the_grid_of_their_spacing(tmp_path: Path) -> None:
    trace = read_text(tmp_path, "timestamp,requests\n100,5\n110,0\n120,7.5\n")
    assert (trace.name, trace.origin_epoch_seconds, trace.bin_seconds) == ("trace", 100.0, 10.0)
    np.testing.assert_array_equal(trace.requests, [5.0, 0.0, 7.5])
    np.testing.assert_array_equal(trace.per_second, [0.5, 0.0, 0.75])
    assert trace.duration_seconds == 30.0


def test_bins_left_out_are_missing_not_zero(tmp_path: Path) -> None:
    trace = read_text(tmp_path, "timestamp,requests\n0,1\n10,1\n40,1\n50,1\n60,1\n")
    np.testing.assert_array_equal(trace.requests, [1, 1, np.nan, np.nan, 1, 1, 1])


def test_an_outage_of_two_months_in_three_years_is_no_mistake(tmp_path: Path) -> None:
    hours = [*range(20_000), *range(21_500, 26_280)]
    trace = read_text(tmp_path, "timestamp,requests\n" + "".join(f"{h * 3600},1\n" for h in hours))
    assert (len(trace.requests), np.isnan(trace.requests).sum()) == (26_280, 1500)


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,requests\n36600,1\n36660,1\n36720,1\n",
        "timestamp,requests\n1970-01-01 12:00:00.5,1\n1970-01-01 12:00:01.5,1\n",
        "timestamp\n43200\n43201\n43205\n",
        "timestamp\n36600.5\n43201.25\n",
    ],
)
def test_seconds_of_the_first_afternoon_are_no_days(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text).origin_epoch_seconds < 86_400.0


@pytest.mark.parametrize(
    "stamps",
    [
        ("1767225600", "1767225660"),
        ("1767225600.000", "1767225660.000"),
        ("1767225600000", "1767225660000"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
        ("2026-01-01 00:00:00", "2026-01-01 00:01:00"),
        ("2026-01-01T00:00:00+00:00", "2026-01-01T01:01:00+01:00"),
        ("1767225600", "2026-01-01T00:01:00Z"),
    ],
)
def test_time_may_be_written_in_many_ways(tmp_path: Path, stamps: tuple[str, str]) -> None:
    trace = read_text(tmp_path, f"timestamp,requests\n{stamps[0]},1\n {stamps[1]} ,2\n")
    assert (trace.origin_epoch_seconds, trace.bin_seconds) == (NEW_YEAR, 60.0)


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    trace = read_text(tmp_path, "region, Requests ,Timestamp\neu,3,0\neu,4,10\n")
    np.testing.assert_array_equal(trace.requests, [3, 4])


def test_an_empty_column_at_the_end_of_lines_loses_nothing(tmp_path: Path) -> None:
    trace = read_text(tmp_path, "timestamp,requests\n0,1,\n10,2\n20,3, ,\n")
    np.testing.assert_array_equal(trace.requests, [1, 2, 3])


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,count,tokens\n0,3,700\n60,4,900\n",
        "tokens,Count,timestamp\n700,3,0\n900,4,60\n",
        "timestamp,requests,count\n0,3,9\n60,4,9\n",
    ],
)
def test_counts_stay_counts_beside_tokens(tmp_path: Path, text: str) -> None:
    trace = read_text(tmp_path, text)
    assert trace.bin_seconds == 60.0
    np.testing.assert_array_equal(trace.requests, [3, 4])


def test_a_lone_column_of_times_is_a_log(tmp_path: Path) -> None:
    trace = read_text(tmp_path, "Timestamp\n5.2\n5.9\n7.0\n")
    np.testing.assert_array_equal(trace.requests, [2, 0, 1])


def test_a_log_with_paths_and_status_codes_is_counted_by_the_second(tmp_path: Path) -> None:
    rows = "".join(f'{second}.5,"/v1/chat, {second}",200\n' for second in range(150))
    trace = read_text(tmp_path, "timestamp,path,status\n" + rows)
    np.testing.assert_array_equal(trace.requests, np.ones(150))


def test_arrivals_in_any_order_are_counted_by_the_second(tmp_path: Path) -> None:
    trace = read_text(
        tmp_path,
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2026-01-01 00:00:03.9999999,374,44\n"
        "2026-01-01 00:00:00.6805900,396,109\n"
        "2026-01-01 00:00:00.9951690,879,55",
    )
    assert (trace.origin_epoch_seconds, trace.bin_seconds) == (NEW_YEAR, 1.0)
    np.testing.assert_array_equal(trace.requests, [2, 0, 0, 1])


def test_json_lines_are_counted_by_the_second(tmp_path: Path) -> None:
    trace = read_text(
        tmp_path,
        '{"timestamp": 1767225600.5, "tokens": 3}\n'
        '{"timestamp": 1767225602900}\n'
        '{"timestamp": "2026-01-01T00:00:00Z"}\n\n',
        "log.jsonl",
    )
    assert (trace.name, trace.origin_epoch_seconds) == ("log", NEW_YEAR)
    np.testing.assert_array_equal(trace.requests, [2, 0, 1])


def test_a_log_longer_than_a_block_keeps_every_line(tmp_path: Path) -> None:
    lines = "".join(f'{{"timestamp": {second}, "id": "{"x" * 40}"}}\n' for second in range(70_000))
    trace = read_text(tmp_path, lines, "log.jsonl")
    np.testing.assert_array_equal(trace.requests, np.ones(70_000))


@pytest.mark.parametrize("name", ["trace.csv.gz", "trace.csv"])
def test_gzip_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"timestamp,requests\n0,1\n10,2\n"))
    trace = read_trace(path)
    assert trace.name == "trace"
    np.testing.assert_array_equal(trace.requests, [1, 2])


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    trace = read_text(tmp_path, '\ufefftimestamp,requests\r\n"0",1\r\n10,"2"\r\n\r\n')
    np.testing.assert_array_equal(trace.requests, [1, 2])


def test_default_capacity_is_a_twentieth_of_the_busiest_minutes() -> None:
    # Of 2,000 minutes that begin each second at most one in a thousand may be busier.
    demand = np.ones(2059)
    demand[1000:1062] = 40.0
    assert default_capacity(a_trace(demand, bin_seconds=1.0)) == pytest.approx(40 / 20)


def test_default_capacity_sees_minutes_that_begin_inside_a_bin() -> None:
    # Half of every 90 s is busy, so a minute has at most 45 busy seconds, whatever the bin.
    trace = a_trace([45.0 * 8, 0.0] * 50, bin_seconds=45.0)
    assert default_capacity(trace) == pytest.approx(8 * 45 / 60 / 20)


def test_default_capacity_passes_over_missing_bins() -> None:
    assert default_capacity(a_trace([10.0, np.nan] * 60)) == pytest.approx(1 / 20)


def test_default_capacity_of_long_bins_is_of_their_own_rate() -> None:
    trace = a_trace([300.0, 600.0, np.nan, 300.0], bin_seconds=300.0)
    assert default_capacity(trace) == pytest.approx(np.percentile([1, 2, 1], 99.9) / 20)


def test_default_capacity_of_a_span_ignores_the_rest() -> None:
    trace = a_trace([1000.0] * 30 + [20.0] * 30 + [1000.0] * 30)
    assert default_capacity(trace, from_seconds=300.0, to_seconds=600.0) == pytest.approx(2 / 20)


@pytest.mark.parametrize("count", [3, 20_000])
def test_default_capacity_of_hardly_any_demand_is_of_its_busiest_bin(count: int) -> None:
    demand = np.zeros(count)
    demand[1] = 20.0
    assert default_capacity(a_trace(demand)) == pytest.approx(2 / 20)


def test_default_capacity_needs_a_request() -> None:
    with pytest.raises(InvalidTraceError, match="trace: no request at all"):
        default_capacity(a_trace([0.0, np.nan, 0.0]))


@pytest.mark.parametrize(
    ("bins", "bin_seconds", "warmup_seconds"),
    [
        (30, 10.0, 150.0),
        (90, 10.0, 600.0),
        (719, 10.0, 600.0),
        (720, 10.0, 3600.0),
        (721, 10.0, 3600.0),
        (100_000, 10.0, 172_800.0),
        (4, 1000.0, 1000.0),
    ],
)
def test_default_warmup_is_ten_minutes_or_half_or_two_days(
    bins: int, bin_seconds: float, warmup_seconds: float
) -> None:
    assert default_warmup(a_trace(np.ones(bins), bin_seconds=bin_seconds)) == warmup_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0.5", 1800.0), ("50%", 1800.0), ("600s", 600.0), ("609.9s", 600.0), (" 0.3 ", 1080.0)],
)
def test_warmup_is_a_share_or_seconds_in_whole_bins(text: str, seconds: float) -> None:
    assert parse_warmup(text, a_trace(np.ones(360))) == seconds


@pytest.mark.parametrize("text", ["", "x", "0", "1", "100%", "-3s", "nan", "infs", "3600"])
def test_a_warmup_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_warmup(text, a_trace(np.ones(360)))
    assert str(caught.value).startswith("--warmup: ")
    assert str(caught.value).endswith(
        " is not allowed: must be a share above 0 and below 1 (0.5 or 50%), "
        "or seconds with an s (3600s)"
    )


@pytest.mark.parametrize("text", ["5s", "3600s", "0.0001"])
def test_a_warmup_must_leave_something_on_each_side(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_warmup(text, a_trace(np.ones(360)))
    assert str(caught.value).endswith(
        " is not allowed: must leave a bin on each side, so from 10s to 3590s for trace"
    )
