"""Traces that are refused."""

from __future__ import annotations

from tests.unit.bad_input import BadInput

COUNTS = "timestamp,requests\n"
KNOWN_HEADERS = (
    "must be timestamp,requests or timestamp,count (counts), or, of a log with one line a request, "
    "timestamp alone or beside words and status codes, or TIMESTAMP,ContextTokens,GeneratedTokens"
)
NO_HEADER = "is no header, the first line must name the columns: "
TIMES = (
    "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100 "
    "(seconds that do not count from 1970 should count from 0)"
)
ZONES_HINT = "times without a zone are UTC: if these are local, and clocks went back, write zones"
OR_LEFT_OUT = (
    "may be a count: call it count if it counts requests, "
    "leave it out only if each line is one request"
)

BAD_TRACES = (
    BadInput(
        "an empty file",
        "",
        ("trace.csv: the file is empty",),
    ),
    BadInput(
        "a header alone",
        COUNTS,
        ("trace.csv: a header and no line after it",),
    ),
    BadInput(
        "a header of nowhere",
        "time,count\n1,2\n",
        ("trace.csv:1: header: 'time,count' is not allowed: " + KNOWN_HEADERS,),
    ),
    BadInput(
        "no header",
        "0,1\n10,2\n",
        ("trace.csv:1: header: '0,1' is not allowed: " + NO_HEADER + KNOWN_HEADERS,),
    ),
    BadInput(
        "a log of requests without a header",
        "2026-01-01T00:00:00Z,/v1/chat\n2026-01-01T00:00:01Z,/v1/chat\n",
        (
            "trace.csv:1: header: '2026-01-01T00:00:00Z,/v1/chat' is not allowed: "
            + NO_HEADER
            + KNOWN_HEADERS,
        ),
    ),
    BadInput(
        "tabs",
        "timestamp\trequests\n0\t1\n",
        (
            "trace.csv:1: header: 'timestamp\\trequests' is not allowed: "
            "is separated by '\\t', must be separated by ','; " + KNOWN_HEADERS,
        ),
    ),
    BadInput(
        "semicolons and no header",
        "2026-01-01 00:00;1,5\n2026-01-01 00:01;2\n",
        (
            "trace.csv:1: header: '2026-01-01 00:00;1,5' is not allowed: "
            "is separated by ';', must be separated by ','; " + NO_HEADER + KNOWN_HEADERS,
        ),
    ),
    BadInput(
        "quarters of an hour as a spreadsheet numbers them",
        COUNTS + "46083.010417,1\n46083.020833,1\n46083.03125,1\n",
        (
            "trace.csv:2: timestamp: 46083.010417 is not allowed: "
            "looks like a spreadsheet's number of a day (2026-03-02T00:15:00Z): " + TIMES,
        ),
    ),
    BadInput(
        "days as a spreadsheet numbers them",
        COUNTS + "46083,1\n46084,1\n46085,1\n",
        (
            "trace.csv:2: timestamp: 46083 is not allowed: "
            "looks like a spreadsheet's number of a day (2026-03-02T00:00:00Z): " + TIMES,
        ),
    ),
    BadInput(
        "a log of two days as a spreadsheet numbers them",
        "timestamp\n46085.75\n46083.010417\n",
        (
            "trace.csv:2: timestamp: 46085.75 is not allowed: "
            "looks like a spreadsheet's number of a day (2026-03-04T18:00:00Z): " + TIMES,
        ),
    ),
    BadInput(
        "tokens by the minute",
        "timestamp,total_tokens\n0,512\n60,80\n",
        (
            "trace.csv:1: header: 'timestamp,total_tokens' is not allowed: "
            + KNOWN_HEADERS
            + f"; total_tokens {OR_LEFT_OUT}",
        ),
    ),
    BadInput(
        "one column of the two that Azure's log has",
        "TIMESTAMP,ContextTokens\n0,1\n60,1\n",
        (
            "trace.csv:1: header: 'TIMESTAMP,ContextTokens' is not allowed: "
            + KNOWN_HEADERS
            + f"; contexttokens {OR_LEFT_OUT}",
        ),
    ),
    BadInput(
        "a log with a column of numbers",
        "timestamp,path,bytes\n0,/v1/chat,512\n1,/v1/chat,80\n",
        (
            "trace.csv:1: header: 'timestamp,path,bytes' is not allowed: "
            + KNOWN_HEADERS
            + f"; bytes {OR_LEFT_OUT}",
        ),
    ),
    BadInput(
        "a column that has no name",
        "timestamp,\n0,1\n60,1\n",
        (
            "trace.csv:1: header: 'timestamp,' is not allowed: "
            + KNOWN_HEADERS
            + f"; a column without a name {OR_LEFT_OUT}",
        ),
    ),
    BadInput(
        "counts twice",
        "timestamp,count,Count\n0,1,2\n10,2,3\n",
        (
            "trace.csv:1: header: 'timestamp,count,Count' is not allowed: "
            "must have one column count",
        ),
    ),
    BadInput(
        "semicolons",
        "timestamp;requests\n0;1\n",
        (
            "trace.csv:1: header: 'timestamp;requests' is not allowed: "
            "is separated by ';', must be separated by ','; " + KNOWN_HEADERS,
        ),
    ),
    BadInput(
        "a word for a count",
        COUNTS + "0,many\n10,2\n",
        (
            "trace.csv:2: requests: 'many' is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "a negative count",
        COUNTS + "0,1\n10,-2\n",
        (
            "trace.csv:3: requests: -2 is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "no number",
        COUNTS + "0,nan\n10,2\n",
        (
            "trace.csv:2: requests: 'nan' is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "no end",
        COUNTS + "0,1\n10,inf\n",
        (
            "trace.csv:3: requests: 'inf' is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "more than the world has",
        COUNTS + "0,1\n10,1e300\n",
        (
            "trace.csv:3: requests: '1e300' is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "lines a billionth of a second apart",
        COUNTS + "0,1\n1e-9,1\n2e-9,1\n",
        (
            "trace.csv:3: timestamp: '1e-9' is not allowed: "
            "must be at least a microsecond after the line before",
        ),
    ),
    BadInput(
        "no count",
        COUNTS + "0,\n10,2\n",
        (
            "trace.csv:2: requests: '' is not allowed: "
            "must be a number from 0 to 1e15; leave the line out if it is not known",
        ),
    ),
    BadInput(
        "a column too few",
        COUNTS + "0,1\n10\n",
        ("trace.csv:3: 1 column, the header has 2",),
    ),
    BadInput(
        "a thousands separator",
        COUNTS + "0,1\n10,1,185\n",
        (
            "trace.csv:3: 3 columns, the header has 2; "
            "a comma inside a value needs quotes around it",
        ),
    ),
    BadInput(
        "an empty line",
        COUNTS + "0,1\n\n10,2\n",
        ("trace.csv:3: the line is empty",),
    ),
    BadInput(
        "one line",
        COUNTS + "0,1\n",
        ("trace.csv: one line of counts: at least 2 are needed to tell the bin",),
    ),
    BadInput(
        "the same time twice",
        COUNTS + "0,1\n10,1\n10,1\n",
        ("trace.csv:4: timestamp: 10 is not allowed: must be later than 10 in the line before",),
    ),
    BadInput(
        "the hour that local time repeats in autumn",
        COUNTS + "2026-10-25T02:30:00,1\n2026-10-25T02:45:00,1\n2026-10-25T02:00:00,1\n",
        (
            "trace.csv:4: timestamp: '2026-10-25T02:00:00' is not allowed: "
            "must be later than 2026-10-25T02:45:00 in the line before; " + ZONES_HINT,
        ),
    ),
    BadInput(
        "the hour that local time repeats in autumn, by the hour",
        COUNTS + "2026-10-25 01:00,1\n2026-10-25 02:00,1\n2026-10-25 02:00,1\n",
        (
            "trace.csv:4: timestamp: '2026-10-25 02:00' is not allowed: "
            "must be later than 2026-10-25 02:00 in the line before; " + ZONES_HINT,
        ),
    ),
    BadInput(
        "time running backwards, with zones",
        COUNTS + "2026-10-25T02:30:00Z,1\n2026-10-25T02:00:00Z,1\n",
        (
            "trace.csv:3: timestamp: '2026-10-25T02:00:00Z' is not allowed: "
            "must be later than 2026-10-25T02:30:00Z in the line before",
        ),
    ),
    BadInput(
        "time running backwards by a day",
        COUNTS + "2026-10-25T02:30:00,1\n2026-10-24T02:30:00,1\n",
        (
            "trace.csv:3: timestamp: '2026-10-24T02:30:00' is not allowed: "
            "must be later than 2026-10-25T02:30:00 in the line before",
        ),
    ),
    BadInput(
        "time running backwards",
        COUNTS + "10,1\n20,1\n0,1\n",
        ("trace.csv:4: timestamp: 0 is not allowed: must be later than 20 in the line before",),
    ),
    BadInput(
        "a time off the grid",
        COUNTS + "0,1\n10,1\n20,1\n25,1\n",
        (
            "trace.csv:5: timestamp: 25 is not allowed: "
            "must be whole bins of 10 s, the most common spacing, after the first",
        ),
    ),
    BadInput(
        "a time before 1970",
        COUNTS + "-10,1\n0,1\n",
        (
            "trace.csv:2: timestamp: -10 is not allowed: "
            "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100",
        ),
    ),
    BadInput(
        "a time far ahead",
        COUNTS + "1e20,1\n2e20,1\n",
        (
            "trace.csv:2: timestamp: '1e20' is not allowed: "
            "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100",
        ),
    ),
    BadInput(
        "a time that is a word",
        COUNTS + "now,1\nthen,1\n",
        (
            "trace.csv:2: timestamp: 'now' is not allowed: "
            "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100",
        ),
    ),
    BadInput(
        "a zone on one line only",
        COUNTS + "2026-01-01T00:00:00Z,1\n2026-01-01T00:01:00,1\n",
        (
            "trace.csv:3: timestamp: '2026-01-01T00:01:00' is not allowed: "
            "must have a time zone on every line or on none (none means UTC)",
        ),
    ),
    BadInput(
        "a gap of many years",
        COUNTS + "0,1\n1,1\n2,1\n1700000000,1\n",
        (
            "trace.csv:5: timestamp: 1700000000 is not allowed: must be at most 92 days after "
            "the line before, 1970-01-01T00:00:02Z, not 19,676 days; one of the two may be "
            "mistyped",
        ),
    ),
    BadInput(
        "a first line of 1970",
        COUNTS + "1970-01-01 00:00,1\n2026-01-01 00:00,1\n2026-01-01 00:01,1\n2026-01-01 00:02,1\n",
        (
            "trace.csv:3: timestamp: '2026-01-01 00:00' is not allowed: must be at most 92 days "
            "after the line before, 1970-01-01T00:00:00Z, not 20,454 days; one of the two may be "
            "mistyped",
        ),
    ),
    BadInput(
        "a last line a year ahead",
        COUNTS + "2026-01-01T00:00,1\n2026-01-01T01:00,1\n2027-01-01T02:00,1\n",
        (
            "trace.csv:4: timestamp: '2027-01-01T02:00' is not allowed: must be at most 92 days "
            "after the line before, 2026-01-01T01:00:00Z, not 365 days; one of the two may be "
            "mistyped",
        ),
    ),
    BadInput(
        "more bins than fit",
        COUNTS + "0,1\n0.01,1\n0.02,1\n500000,1\n",
        (
            "trace.csv:5: timestamp: 500000 is not allowed: "
            "must be within 40000000 bins of 0.01 s after the first",
        ),
    ),
    BadInput(
        "an open quote",
        COUNTS + '0,"1\n',
        ("trace.csv:2: broken CSV: unexpected end of data",),
    ),
    BadInput(
        "a header without end",
        "timestamp," + "x" * 200_000 + "\n0,1\n",
        ("trace.csv:1: broken CSV: field larger than field limit (131072)",),
    ),
    BadInput(
        "a field without end",
        "timestamp,path\n0,/\n1,/" + "x" * 200_000 + "\n",
        ("trace.csv:3: broken CSV: field larger than field limit (131072)",),
    ),
    BadInput(
        "one second of arrivals",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n5.1,1,1\n5.2,1,1\n",
        ("trace.csv: a log of arrivals must span at least 2 seconds",),
    ),
    BadInput(
        "an arrival long after",
        "timestamp\n1\n2\n1700000000\n",
        (
            "trace.csv:4: timestamp: 1700000000 is not allowed: "
            "must be within 460 days of the others in a log of arrivals",
        ),
    ),
    BadInput(
        "an arrival a year ahead",
        "timestamp\n2026-01-01 00:00:01\n2027-01-01 00:00:02\n2026-01-01 00:00:05\n",
        (
            "trace.csv:3: timestamp: '2027-01-01 00:00:02' is not allowed: must be at most 92 days "
            "after the arrival before, 2026-01-01T00:00:05Z, not 365 days; one of the two may be "
            "mistyped",
        ),
    ),
    BadInput(
        "empty lines without end",
        COUNTS + "0,1\n" + "\n" * 2_000_000 + "10,2\n",
        ("trace.csv:3: the line is empty",),
    ),
    BadInput(
        "a day that is none",
        COUNTS + "2026-02-28,1\n2026-02-29,1\n",
        (
            "trace.csv:3: timestamp: '2026-02-29' is not allowed: "
            "must be unix seconds, unix milliseconds or ISO 8601, from 1970 to 2100",
        ),
    ),
    BadInput(
        "not text",
        b"\xff\xfe\x00\x81",
        ("trace.csv: is not a text file (UTF-8)",),
    ),
    BadInput(
        "zeros",
        b"\x00" * 64,
        ("trace.csv: is not a text file (UTF-8)",),
    ),
)
