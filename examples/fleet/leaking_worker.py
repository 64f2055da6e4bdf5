"""A worker that leaks, reported to whatever is at hand: Prometheus, Sentry, OpenTelemetry, Pyroscope, a webhook.

    python leaking_worker.py --prometheus 9464 --seconds 300
    prometheus --config.file=prometheus.yml          # in this folder, beside it

It handles orders and forgets none of them. The leak is reported after about a minute and a half; then the page
http://127.0.0.1:9090/alerts shows MemoryLeak, which names the type, the holder and the line.
"""

from __future__ import annotations

import argparse
import time

import memwatch

ORDERS: dict[int, Order] = {}


class Order:
    """An order that nobody asks for any more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.text = f"order {number} " * 500


def handle(number: int) -> None:
    ORDERS[number] = Order(number)


def serve_metrics(port: int) -> None:
    from prometheus_client import start_http_server

    memwatch.export.prometheus.register()
    start_http_server(port, addr="127.0.0.1")


def use_sentry(dsn: str) -> None:
    import sentry_sdk

    sentry_sdk.init(dsn)
    memwatch.export.sentry.register()


def use_otlp(url: str) -> None:
    """By the SDK and its exporters over HTTP: opentelemetry-sdk, opentelemetry-exporter-otlp-proto-http."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    metrics = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"), export_interval_millis=5000)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
    memwatch.export.otel.register(MeterProvider([metrics]), logs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prometheus", type=int, metavar="PORT", help="serve metrics there")
    parser.add_argument("--sentry", metavar="DSN", help="send events there")
    parser.add_argument("--otlp", metavar="URL", help="send metrics and logs there, as http://127.0.0.1:4318")
    parser.add_argument("--otlp-profiles", metavar="URL", help="send heap profiles there")
    parser.add_argument("--pyroscope", metavar="URL", help="send heap profiles there, as http://127.0.0.1:4040")
    parser.add_argument("--webhook", metavar="URL", help="post the leak there")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to work (5)")
    options = parser.parse_args()
    memwatch.start(pace="job")  # a service needs no argument; it decides within hours
    memwatch.on("leak", memwatch.handlers.log_leaks(short=True))
    if options.prometheus is not None:
        serve_metrics(options.prometheus)
    if options.sentry:
        use_sentry(options.sentry)
    if options.otlp:
        use_otlp(options.otlp)
    if options.otlp_profiles:
        memwatch.export.otlp_profiles.start(options.otlp_profiles, "fleet", every=10)
    if options.pyroscope:
        memwatch.export.pyroscope.start(options.pyroscope, "fleet", labels={"env": "trial"}, every=10)
    if options.webhook:
        memwatch.handlers.Webhook(options.webhook).connect_all()
    number, end = 0, time.monotonic() + options.seconds
    while time.monotonic() < end:
        for _ in range(20):
            number += 1
            handle(number)
        time.sleep(0.05)
    print(f"{number} orders handled, {len(ORDERS)} kept")


if __name__ == "__main__":
    main()
