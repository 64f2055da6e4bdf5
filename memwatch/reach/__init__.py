"""Asks a process that is already running: it listens on a socket of its user's, and others connect to it by its number.

`folder` says where the sockets are. `listener` is in every watched process, and as good as nothing until somebody
connects; `server` and `answers` are loaded then. `client` is the other end.
"""
