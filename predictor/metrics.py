"""The predictor's own metrics, in base units, in a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from models.forecast import Forecast, WorkloadName
from models.outlook import Outlook
from predictor.ports import AnnouncementCounts, KafkaCounts

#: Horizons shown, of those that the forecast reaches; a series each, so only a few.
HORIZONS_SECONDS = (60, 300, 900, 1800, 3600)
TICK_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class PredictorMetrics:
    """Everything that the predictor says of itself and of demand."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register with the given registry, or with one of our own."""
        self.registry = registry or CollectorRegistry()
        self._demand = Gauge(
            "headstart_demand_per_second",
            "Newest measured demand, by source; source 'combined' is what is forecast.",
            ["workload", "source"],
            registry=self.registry,
        )
        self._forecast = Gauge(
            "headstart_forecast_demand_per_second",
            "Demand not exceeded with the probability of the quantile level, so far ahead.",
            # Plain "quantile" is reserved for summaries: promtool objects to it.
            ["workload", "quantile_level", "horizon_seconds"],
            registry=self.registry,
        )
        self._forecast_age = Gauge(
            "headstart_forecast_age_seconds",
            "Time since the last measured step that the forecast rests on.",
            ["workload"],
            registry=self.registry,
        )
        self._begin_sources()
        self._tick = Histogram(
            "headstart_predictor_tick_duration_seconds",
            "How long a tick took, reading of sources included.",
            buckets=TICK_BUCKETS,
            registry=self.registry,
        )
        self._tick_errors = Counter(
            "headstart_predictor_tick_errors_total",
            "Ticks of a workload that failed by a fault of ours.",
            ["workload"],
            registry=self.registry,
        )

    def _begin_sources(self) -> None:
        self._source_up = Gauge(
            "headstart_source_up",
            "Whether a source answered at the last tick.",
            ["workload", "source"],
            registry=self.registry,
        )
        self._source_errors = Counter(
            "headstart_source_errors_total",
            "Reads that a source did not answer, or answered what can't be used.",
            ["workload", "source"],
            registry=self.registry,
        )
        self._events = Counter(
            "headstart_events_total",
            "What became of request events: events, poison, late, future, duplicates, gaps.",
            ["workload", "source", "kind"],
            registry=self.registry,
        )
        self._counts: dict[tuple[str, str], KafkaCounts] = {}
        self._announcements = Counter(
            "headstart_announcements_total",
            "What became of announced demand: taken, poison.",
            ["kind"],
            registry=self.registry,
        )
        self._announced = AnnouncementCounts()

    def show(self, outlook: Outlook) -> None:
        """Show one workload's newest outlook."""
        workload = outlook.workload
        if outlook.reading is not None:
            self._demand.labels(workload, "combined").set(outlook.reading.per_second)
            for source, per_second in outlook.reading.sources:
                self._demand.labels(workload, source).set(per_second)
        if outlook.forecast is None:
            self._forecast.remove_by_labels({"workload": str(workload)})
            self._forecast_age.remove_by_labels({"workload": str(workload)})
        else:
            self._show_forecast(outlook.forecast)
            age = outlook.published_at - outlook.forecast.issued_at
            self._forecast_age.labels(workload).set(age)

    def source_answered(self, workload: WorkloadName, source: str) -> None:
        """Note an answer."""
        self._source_up.labels(workload, source).set(1)
        self._source_errors.labels(workload, source)

    def source_failed(self, workload: WorkloadName, source: str) -> None:
        """Note a failure."""
        self._source_up.labels(workload, source).set(0)
        self._source_errors.labels(workload, source).inc()

    def events_counted(self, workload: WorkloadName, source: str, counts: KafkaCounts) -> None:
        """Note a source's totals; they begin anew with a new source of the same name."""
        before = self._counts.get((workload, source), KafkaCounts())
        self._counts[(workload, source)] = counts
        for kind in KafkaCounts.__slots__:
            now, then = getattr(counts, kind), getattr(before, kind)
            self._events.labels(workload, source, kind).inc(now - then if now >= then else now)

    def announcements_counted(self, counts: AnnouncementCounts) -> None:
        """Note the totals of the topic that all workloads share."""
        before, self._announced = self._announced, counts
        self._announcements.labels("taken").inc(max(0, counts.taken - before.taken))
        self._announcements.labels("poison").inc(max(0, counts.poison - before.poison))

    def tick_took(self, seconds: float) -> None:
        """Note how long a tick took."""
        self._tick.observe(seconds)

    def tick_failed(self, workload: WorkloadName) -> None:
        """Note a fault of ours."""
        self._tick_errors.labels(workload).inc()

    def forget(self, workload: WorkloadName) -> None:
        """Show nothing more of a workload that is gone."""
        mine = {"workload": str(workload)}
        for metric in (
            self._demand,
            self._forecast,
            self._forecast_age,
            self._source_up,
            self._source_errors,
            self._events,
            self._tick_errors,
        ):
            metric.remove_by_labels(mine)
        self._counts = {key: one for key, one in self._counts.items() if key[0] != workload}

    def _show_forecast(self, forecast: Forecast) -> None:
        for horizon in HORIZONS_SECONDS:
            step = round(horizon / forecast.step_seconds) - 1
            if not 0 <= step < len(forecast.values):
                continue
            for quantile, per_second in zip(forecast.quantiles, forecast.values[step], strict=True):
                self._forecast.labels(forecast.workload, quantile, horizon).set(per_second)
