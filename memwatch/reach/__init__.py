"""Asks a running process. It listens on a socket that belongs to its user, and a client connects by its process number.

`folder` says where the sockets are. `listener` runs in every watched process and costs next to nothing until a client
connects. Then `server` and `answers` are loaded. `client` is the other end.
"""
