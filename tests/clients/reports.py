"""Reads a report of `veloflux probe` with the parsers of others, and prints what they found as JSON.

reports.py junit FILE | reports.py prometheus FILE
"""

import json
import sys

kind, path = sys.argv[1:]

if kind == "junit":
    from junitparser import JUnitXml

    suites = JUnitXml.fromfile(path)
    suites.update_statistics()
    found = {
        "tests": suites.tests,
        "failures": suites.failures,
        "skipped": suites.skipped,
        "suites": {suite.name: {case.name: [type(r).__name__ for r in case.result] for case in suite} for suite in suites},
    }
else:
    from prometheus_client.parser import text_fd_to_metric_families

    with open(path, encoding="utf-8") as file:
        found = {
            family.name: {
                "type": family.type,
                "help": family.documentation,
                "samples": [[sample.labels, sample.value] for sample in family.samples],
            }
            for family in text_fd_to_metric_families(file)
        }

print(json.dumps(found))
