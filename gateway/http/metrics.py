"""Counters and gauges of one process, served at ``/metrics`` (Prometheus)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector


class Metrics:
    """What one server process counts; no label ever holds a name, an address or a secret."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "calgate_http_requests_total",
            "Requests by door, method and status.",
            ["door", "method", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "calgate_http_request_seconds",
            "Time to answer a request, by door.",
            ["door"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.feed_answers = Counter(
            "calgate_feed_answers_total",
            "Feed answers: not_modified, cached, rendered, refused.",
            ["outcome"],
            registry=self.registry,
        )
        self.dav_busy = Gauge(
            "calgate_dav_requests_in_threads",
            "CalDAV requests that hold a thread or wait for one.",
            registry=self.registry,
        )
        self.sign_ins = Counter(
            "calgate_sign_ins_total",
            "Sign-ins by outcome: ok, wrong, throttled.",
            ["outcome"],
            registry=self.registry,
        )
        self.loop_delay_seconds = Gauge(
            "calgate_event_loop_delay_seconds", "Delay of the event loop, last seen.", registry=self.registry
        )
        self.chores = Counter(
            "calgate_chores_total",
            "Background chores by name and outcome.",
            ["name", "outcome"],
            registry=self.registry,
        )
