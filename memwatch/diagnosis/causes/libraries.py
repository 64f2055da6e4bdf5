"""What widely used libraries keep on purpose, until they are told that it is done with."""

from __future__ import annotations

from .cause import Cause

LIBRARIES = (
    Cause(
        "signal-receivers",
        "receivers are connected to a signal again and again, and none is disconnected",
        "connect once, where the module is loaded; or call signal.disconnect(receiver) when its owner goes; a weak "
        "connection (weak=True) ends by itself when the receiver dies",
        (
            "*: blinker.base.Signal > .receivers|._by_receiver|._by_sender|._weak_senders: * > [] > ? > ?",
            "*: django.dispatch.dispatcher.Signal > .receivers: list > []",
        ),
        counted=True,
    ),
    Cause(
        "metric-labels",
        "a metric that gets new label values all the time; each combination of values is a time series that is never "
        "dropped",
        "use labels that have few values (a route and not the path, no ids, no user names), and drop those that are "
        "over: metric.remove(*values)",
        ("*: prometheus_client.metrics.MetricWrapperBase > ._metrics: dict > []",),
        counted=True,
    ),
    Cause(
        "cachetools-without-bound",
        "a cache of cachetools without a bound: an entry stays until its time is over, and then until the cache is "
        "used again",
        "give it a maxsize that it can reach: cachetools.TTLCache(maxsize=1000, ttl=300)",
        ("*: cachetools.Cache > .*: dict|collections.OrderedDict > []",),
    ),
    Cause(
        "mock-calls",
        "a mock of unittest.mock that notes every call, with its arguments",
        "use an object of your own that does nothing where no test looks at the calls, or call mock.reset_mock()",
        ("*: unittest.mock.NonCallableMock > ._mock_*|.*_calls: * > []",),
        counted=True,
    ),
    Cause(
        "open-figures",
        "pyplot keeps every figure until it is closed",
        "call plt.close(figure) when it is drawn, or make it without pyplot: matplotlib.figure.Figure()",
        (".Gcf: type > .figs: * > []", "*: matplotlib.backend_bases.FigureManagerBase"),
        kind="matplotlib.figure.Figure",
    ),
)
