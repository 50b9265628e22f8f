"""What is kept of others' forecasts, record by record."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kafka_link.connection import KafkaConnection
from models.codec import encode_forecast
from models.forecast import Forecast
from predictor.adapters.kafka_told_forecasts import ToldForecasts
from predictor.settings import KafkaSettings
from predictor.told_forecast import AHEAD_SECONDS
from tests.unit.predictor.builders import CHAT, START, a_forecast


def a_topic() -> ToldForecasts:
    connection = KafkaConnection(bootstrap_servers=("unused:9092",))
    return ToldForecasts(KafkaSettings(connection=connection), "told", clock=lambda: START)


def a_record(forecast: Forecast) -> SimpleNamespace:
    return SimpleNamespace(key=b"chat", value=json.dumps(encode_forecast(forecast)).encode())


def test_a_forecast_of_the_future_is_poison_and_keeps_no_later_one_out() -> None:
    topic = a_topic()
    with pytest.raises(ValueError, match=r"issuedAt: 3000000000 s ahead, 60 s are allowed"):
        topic.take(a_record(a_forecast(9.0, issued_at=START + 3e9)))
    topic.take(a_record(a_forecast(1.0)))
    kept = topic.newest(CHAT)
    assert kept is not None
    assert kept.issued_at == START


def test_a_clock_may_differ_by_a_little() -> None:
    topic = a_topic()
    topic.take(a_record(a_forecast(1.0, issued_at=START + AHEAD_SECONDS)))
    assert topic.newest(CHAT) is not None
