"""What FastAPI finds wrong with a request, as one sentence with field, bound and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from palitra.spec.build import kind_of

MOST_SHOWN: Final = 80
_ONE_SIDED: Final = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


def request_sentence(error: Mapping[str, Any]) -> str:
    """One validation error as "`limit` must be at most 100, got 101"."""
    where = [str(part) for part in error["loc"]]
    field = ".".join(where[1:]) or where[0]
    # where the body itself is no JSON, the place is a number of letters
    field = (
        "body"
        if error["type"] == "json_invalid"
        else field.replace("_", "-" if where[0] == "header" else "_")
    )
    code, ctx, value = error["type"], error.get("ctx", {}), str(error.get("input"))[:MOST_SHOWN]
    if code == "missing":
        return f"`{field}` must be given"
    if code == "extra_forbidden":
        return f"`{field}` must not be given, got {value}"
    if code in _ONE_SIDED:
        words, name = _ONE_SIDED[code]
        return f"`{field}` must be {words} {ctx[name]:g}, got {value}"
    if code == "string_too_long":
        return f"`{field}` must have at most {ctx['max_length']} characters, got {len(str(error['input']))}"
    if code == "string_too_short":
        return f"`{field}` must have at least {ctx['min_length']} characters, got {len(str(error['input']))}"
    if code == "literal_error":
        expected = str(ctx["expected"]).replace("'", "").replace(" or ", ", ")
        return f"`{field}` must be one of {expected}, got {value}"
    return f"`{field}` must be a valid {kind_of(code)}, got {value}"
