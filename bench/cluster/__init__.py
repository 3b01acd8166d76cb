"""How a cluster of workers scales, and what its database costs: python -m bench.cluster

    rates    one edition by `send` alone and by 1, 2, 4 worker processes, into a relay that takes everything at once and
             into one that answers 20 ms late
    claims   1 to 100 workers that do what workers do with the database, without a relay: where claiming saturates
    report   results → Markdown

What is measured, and what was found: docs/benchmarks.md.
"""
