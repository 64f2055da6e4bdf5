"""Four lines of a trace: memory before a block, at its start, at its end, and after it.

python examples/trace_block.py
"""

from memwatch import trace


def main() -> None:
    array: list[int] = []
    trace.init(unit="KiB")
    trace.trace_memory("0")
    with trace.trace_block("test-block"):
        for x in range(1000):
            array.append(x)
    trace.trace_memory("1")
    for record in trace.export_trace():
        print(f"name: {record.record_name} heap_used: {record.heap_used}")


if __name__ == "__main__":
    main()
