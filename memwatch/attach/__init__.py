"""Watches a process that was started without memwatch, as if it had been told to from the start.

`target` looks at the process, `script` is what it is made to run, `injection` makes it run that: by `sys.remote_exec`
from CPython 3.14 on, by gdb before. `inside` is what then runs in the process itself.
"""
