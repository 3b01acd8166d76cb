"""The memory. All SQL stands in this room, and nothing else does.

Functions take a Connection, never commit, and return frozen values of `model`; `database` opens and closes the
transactions. One file per noun: articles, editions, subscribers, deliveries, sources, and `notes` for the few single
values that must outlive a run.
"""
