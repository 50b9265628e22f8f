"""Forecasts that others publish on a Kafka topic, in our wire form; the key is the workload."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from models.codec import decode_forecast
from models.fields import CodecError, as_object
from models.forecast import Forecast, WorkloadName
from predictor.adapters.kafka_thread import ConsumerThread
from predictor.adapters.kafka_whole_topic import WholeTopic
from predictor.adapters.poison_log import PoisonLog
from predictor.settings import KafkaSettings
from predictor.told_forecast import refuse_ahead

#: What a broker takes by default is 1 MiB; a longer text than this is not decoded.
MOST_BYTES = 2**20
MOST_WORKLOADS = 10_000


class ToldForecasts:
    """The newest forecast of each workload; all workloads share one thread and one consumer.

    What can't be read is counted, logged with its offset and skipped; a record without value
    takes the workload's forecast back.
    """

    def __init__(
        self, settings: KafkaSettings, topic: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep what is needed; nothing is connected before the first workload."""
        self._settings, self._topic, self._clock = settings, topic, clock
        self._lock = threading.Lock()
        self._newest: dict[WorkloadName, Forecast] = {}
        self._users = 0
        self._thread: ConsumerThread | None = None
        self.poison = PoisonLog("forecast")

    def of(self, workload: WorkloadName) -> WorkloadToldForecast:
        """Return a workload's forecast by others."""
        with self._lock:
            self._users += 1
            if self._thread is None:
                work = WholeTopic(
                    self.take, poison=self.poison, check_seconds=self._settings.check_seconds
                )
                self._thread = ConsumerThread(self._settings, self._topic, work)
                self._thread.start()
        return WorkloadToldForecast(self, workload)

    def release(self) -> None:
        """Note that a workload is gone; the last one ends the thread."""
        with self._lock:
            self._users -= 1
            if self._users or self._thread is None:
                return
            thread, self._thread = self._thread, None
        thread.stop()

    def newest(self, workload: WorkloadName) -> Forecast | None:
        """Return the newest forecast of a workload."""
        with self._lock:
            return self._newest.get(workload)

    def silence(self) -> str:
        """Say what is wrong if the broker is not heard; else nothing."""
        thread = self._thread
        return (thread.silence() if thread is not None else None) or ""

    def take(self, record: Any) -> None:
        """Take in one record of the topic.

        Raises:
            ValueError: if it can't be read, was not made yet, or is of one workload too many.
        """
        workload = WorkloadName((record.key or b"").decode())
        forecast = None if record.value is None else _forecast(record.value, workload)
        if forecast is not None:
            # Kept, it would stand before every good one to come, until its time.
            refuse_ahead(forecast, now=self._clock())
        self._keep(workload, forecast)

    def _keep(self, workload: WorkloadName, forecast: Forecast | None) -> None:
        with self._lock:
            if forecast is None:
                self._newest.pop(workload, None)
                return
            if workload not in self._newest and len(self._newest) >= MOST_WORKLOADS:
                raise CodecError(f"key: forecasts of {MOST_WORKLOADS} workloads are kept already")
            known = self._newest.get(workload)
            if known is None or forecast.issued_at >= known.issued_at:
                self._newest[workload] = forecast


class WorkloadToldForecast:
    """One workload's forecast by others."""

    def __init__(self, topic: ToldForecasts, workload: WorkloadName) -> None:
        """Look at one topic; ToldForecasts makes these."""
        self._topic, self._workload = topic, workload

    @property
    def remark(self) -> str:
        """Say what is wrong; what is known already counts all the same."""
        return self._topic.silence()

    def latest(self) -> Forecast | None:
        """Return the newest forecast; None without one."""
        return self._topic.newest(self._workload)

    async def close(self) -> None:
        """Look no more."""
        await asyncio.to_thread(self._topic.release)


def _forecast(value: bytes, workload: WorkloadName) -> Forecast:
    if len(value) > MOST_BYTES:
        raise CodecError(f"forecast: {len(value)} bytes given, {MOST_BYTES} are allowed")
    try:
        wire = json.loads(value)
    except RecursionError as error:
        raise CodecError("forecast: is no JSON") from error
    forecast = decode_forecast(as_object(wire, "forecast"))
    if forecast.workload != workload:
        raise CodecError(f"forecast.workload: {forecast.workload!r} given, the key is {workload!r}")
    if not len(forecast.values) or not len(forecast.quantiles):
        raise CodecError("forecast.values: nothing given, a row a step is required")
    return forecast
