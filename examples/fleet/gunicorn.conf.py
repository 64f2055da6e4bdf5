"""Workers that share their metrics: PROMETHEUS_MULTIPROC_DIR=/tmp/metrics gunicorn web:app

The folder must exist and be empty at the start. Any worker answers /metrics for all of them.
"""

from typing import Any

bind = "127.0.0.1:9464"
workers = 2


def child_exit(server: Any, worker: Any) -> None:
    """What a worker that has ended was taking is no longer shown."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)
