"""Everything of scripts/benchmark.py: rounds.py measures, peers/ holds what is measured, report.py tells it."""
