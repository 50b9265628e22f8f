"""What a header and the first rows say: counts, a log, or neither for certain."""

from __future__ import annotations

import pytest

from headstart.trace_header import ALLOWED, fields_of, problem_of


def problem(text: str) -> str | None:
    header, *rows = (line.split(",") for line in text.split("\n"))
    return problem_of(fields_of(header), [fields_of(row) for row in rows])


@pytest.mark.parametrize(
    "text",
    [
        "timestamp\n0\n1",
        "timestamp,path,status\n0,/v1/chat,200\n1,/v1/chat,503",
        "timestamp,path,status\n0,/v1/chat,OK\n1,/v1/chat,-",
        "status_code,method,timestamp\n200,GET,0\n,POST,1",
        "timestamp,request_id\n0,3f2504e0-4f89-11d3-9a0c-0305e82c3301\n1,a2c9-77",
        "timestamp,city\n0,Århus\n1,Zürich",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n0,1,2",
        "GeneratedTokens,TIMESTAMP,ContextTokens\n1,0,2",
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,m,472,18,490,a\n"
        "45,m,1087,230,1317,a\n118,m,417,276,693,b",
        "timestamp,prompt_tokens,completion_tokens\n2026-01-01T00:00:00Z,1,2\n"
        "2026-01-01T00:00:00.2Z,1,2\n2026-01-01T00:00:07Z,1,2",
        "timestamp,region,requests,tokens\n0,eu,1,2",
        " Timestamp , Count \n0,1",
    ],
)
def test_counts_by_name_and_certain_logs_are_accepted(text: str) -> None:
    assert problem(text) is None


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("timestamp,total_tokens\n0,5\n60,6", "total_tokens"),
        ("timestamp,region,hits\n0,eu,5\n0,us,6", "hits"),
        ("timestamp,path,bytes\n0,/v1,17\n1,/v1,-", "bytes"),
        ("timestamp,hits\n0,many\n60,7", "hits"),
        ("timestamp,prompt_tokens,completion_tokens\n0,5,6\n60,5,6\n120,7,8", "prompt_tokens"),
        ("timestamp,prompt_tokens,completion_tokens\n0,5,6\n120,5,6\n180,7,8", "prompt_tokens"),
        (
            "timestamp,model,prompt_tokens,completion_tokens\n0,a,5,6\n0,b,5,6\n60,a,7,8\n60,b,7,8",
            "prompt_tokens",
        ),
        ("timestamp,prompt_tokens,completion_tokens\n0,5,6\n0,7,8", "prompt_tokens"),
        ("timestamp,prompt_tokens,completion_tokens\n0,5,6\nlater,5,6", "prompt_tokens"),
        ("timestamp,prompt_tokens,cached_tokens\n0,5,6\n7,5,6\n9,7,8", "prompt_tokens"),
        ("timestamp,hits\n0,1.2k\n60,7k", "hits"),
        ("timestamp,hits\n0,-\n60,null", "hits"),
        ("timestamp,hits\n0,NaN\n60,inf", "hits"),
        ("timestamp,hits\n0,~12\n60,_7", "hits"),
        ("timestamp,status\n0,200\n60,1200", "status"),
        ("timestamp,calls\n0,200\n60,300", "calls"),
        ("timestamp,ContextTokens,GeneratedTokens,Sessions\n0,1,2,3", "contexttokens"),
        ("timestamp,hits", "hits"),
        ("timestamp,path,hits\n0,/v1", "hits"),
    ],
)
def test_what_may_be_a_count_is_named(text: str, column: str) -> None:
    said = problem(text)
    assert said is not None
    assert said.startswith(ALLOWED)
    assert f"; {column} may be a count" in said


@pytest.mark.parametrize("text", ["time,count\n0,1", "time;count\n0;1", ""])
def test_without_a_timestamp_all_that_is_accepted_is_told(text: str) -> None:
    assert problem(text) == ALLOWED


@pytest.mark.parametrize("column", ["timestamp", "requests", "count"])
def test_a_column_that_is_there_twice_is_refused(column: str) -> None:
    assert problem(f"timestamp,{column},requests,{column}\n0,1,2,3") == (
        f"must have one column {column}"
    )
