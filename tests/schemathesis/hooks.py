"""What a schema cannot say, and a well-formed request has to keep to.

Requests that are meant to be well-formed are mended before they are sent; those that are meant to be wrong go as they are.
"""

import os
import re
import uuid

import schemathesis

# The ids of the tokens that ask, and of the person and the tenant that they are of: without them nothing is asked any more.
OWN = set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", os.environ.get("SKERRY_OWN", "")))

# Pairs of parameters of which the first has to lie before the second.
RANGES = [
    ("after", "before"),
    ("accepted_after", "accepted_before"),
    ("since", "until"),
    ("duration_min_ms", "duration_max_ms"),
]


def is_well_formed(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def mend(values):
    """Take away what only the server can have given, and the ends of ranges that end before they begin."""
    if not isinstance(values, dict):
        return
    # A cursor is signed: one that was made up is of no list.
    values.pop("cursor", None)
    for begin, end in RANGES:
        if begin in values and end in values:
            values.pop(end)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method.upper() != "GET" and case.path_parameters:
        for name, value in case.path_parameters.items():
            if value in OWN:
                case.path_parameters[name] = str(uuid.uuid4())
    if not is_well_formed(case):
        return
    # A key is of one request: the second one with it is refused.
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    mend(case.query)
    mend(case.body)
    if isinstance(case.body, dict):
        mend(case.body.get("filter"))
