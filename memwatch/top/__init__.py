"""`memwatch top`: a process, or a recording, followed on a terminal.

`process` and `recording` are what is followed: each gives a `view.View` of the moment, a value that knows no terminal.
`text` draws it as plain lines, `chart` its curve; `app` shows it on a whole terminal by textual, which nothing else
here needs.
"""
