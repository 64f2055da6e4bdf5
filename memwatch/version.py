"""The version of this package, which its metadata take from here."""

__version__ = "0.1.0"
