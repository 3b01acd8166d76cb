"""The crash programme: the real sender is killed, doubled, stopped, locked out, starved and unplugged, and judged only
by what an outside sink holds against the frozen audience.

    sink      a mail server in a process of its own: writes each message into its log before it answers
    place     a newsroom in a folder, its database, and the program's command line as processes
    books     what the database says of an edition: plain SQL, nothing of the program's own
    judge     sink's log + books → what is wrong; pure
    finding   how a check ended: passed, failed (why), or not run (why)
    kills     kill -9 at random moments                       power     power cuts (shadow.c), with a new boot id
    steps     kill -9 right before and after named steps      full      a full disk
    starts    many starts at once; a stopped sender           leave     readers who leave during a run
    locks     another writer holds the database               ends      SIGTERM
    driver    the command line, with a bomb in it, or with less time

    cluster   workers killed, stopped, cut off and added; the one that sends and PostgreSQL die too
    machines  the machines of a cluster, played by one               proxy     their lines to the database
    doubts    what each incident may have cost; pure

Nothing here imports the program's delivery. `python -m bench.chaos --help`; README.md says how to read the result.
"""
