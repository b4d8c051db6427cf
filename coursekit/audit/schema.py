"""The form of `report.json`, as a JSON Schema: what every entry is, and what a reader may rely on.

`VERSION` grows whenever an entry changes its meaning or disappears; new entries leave it as it is,
and a reader ignores what it does not know.

Reference:
    https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from typing import Any

from coursekit.calibration.sums import BINNED, METRICS, N_BINS, PLAIN

FORMAT, VERSION = "coursekit-audit", 1

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number"}


def _entries(required: dict[str, Any], optional: dict[str, Any] | None = None, what: str = ""):
    return {
        "type": "object",
        "description": what,
        "properties": required | (optional or {}),
        "required": list(required),
    }


def _list_of(items: dict[str, Any], length: int | None = None, what: str = "") -> dict[str, Any]:
    fixed = {} if length is None else {"minItems": length, "maxItems": length}
    return {"type": "array", "items": items, "description": what} | fixed


_INTERVAL = _entries(
    {"estimate": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    what="a value with its 95 % interval, from 1000 resamples of whole entities",
)
_METRICS = _entries(
    {name: _INTERVAL | {"description": what} for name, what in METRICS.items()},
    {
        "auroc": _INTERVAL
        | {"description": "how well confidence tells right from wrong; only for questions"}
    },
)
_BINS = _entries(
    {
        "count": _list_of(_COUNT, N_BINS),
        "confidence_sum": _list_of(_NUMBER, N_BINS),
        "correct_count": _list_of(_COUNT, N_BINS),
    },
    what=f"sums over the predictions in each of {N_BINS} bins of equal width, closed on the right",
)
_GROUP = _entries({"items": _COUNT, "entities": _COUNT, "metrics": _METRICS})
_TEMPERATURE = _entries(
    {
        "value": _INTERVAL
        | {"description": "divides the logits; fitted by likelihood on the calibration half"},
        "at_end_of_range": {
            "type": "boolean",
            "description": "no best temperature was found between 1/4 and 8",
        },
        "calibration_items": _COUNT,
        "held_out_items": _COUNT,
        "before": _METRICS | {"description": "of the held-out half, as the model is"},
        "after": _METRICS | {"description": "of the held-out half, at the temperature"},
        "change": _entries(
            {name: _INTERVAL for name in METRICS}, what="after minus before, paired"
        ),
        "ece_by_chance_after": _NUMBER,
        "bins_after": _BINS,
    }
)
_TASK = _entries(
    {
        "title": _TEXT,
        "event": _TEXT | {"description": "what comes true or not"},
        "entity": _TEXT | {"description": "what is resampled, and divided into halves"},
        "items": _COUNT | {"description": "windows of text, sampled texts or questions"},
        "entities": _COUNT,
        "predictions": _COUNT,
        "same_for_all": {
            "type": "boolean",
            "description": "whether another model gets the same items, so that it can be compared",
        },
        "metrics": _METRICS,
        "ece_by_chance": _NUMBER
        | {"description": "the ECE that a calibrated model stays below in 95 % of samples"},
        "bins": _BINS,
        "groups": {
            "type": "object",
            "description": "by label and its value; of at least 10 items and 2 entities",
            "additionalProperties": {"type": "object", "additionalProperties": _GROUP},
        },
        "temperature": _TEMPERATURE,
        "by_item": _entries(
            {
                "name": _list_of(_TEXT),
                "entity": _list_of(_TEXT),
                "sums": _list_of(_list_of(_NUMBER, N_BINS * len(BINNED) + len(PLAIN))),
            },
            what=f"a row an item: {', '.join(BINNED)} in each bin, then {' and '.join(PLAIN)}",
        ),
    },
    {
        "surest_wrong": _list_of(
            _entries({"question": _TEXT, "said": _TEXT, "right": _TEXT, "agreeing": _COUNT}),
            what="wrong free answers, those that most samples gave first",
        )
    },
)
SCHEMA = _entries(
    {
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "model": _entries(
            {
                "name": _TEXT,
                "fingerprint": _TEXT | {"description": "of configuration and weights"},
                "parameters": _COUNT,
                "vocabulary": _COUNT,
                "dtype": _TEXT,
            }
        ),
        "settings": _entries(
            {
                "seed": _COUNT,
                "limit": {
                    "type": "object",
                    "description": "items of each task, at most",
                    "additionalProperties": _COUNT,
                },
                "items": {
                    "type": "object",
                    "description": "a digest of the items of each task: what exactly was asked",
                    "additionalProperties": _TEXT,
                },
            }
        ),
        "software": {"type": "object", "additionalProperties": _TEXT},
        "tasks": {"type": "object", "minProperties": 1, "additionalProperties": _TASK},
    },
    what="calibration report of a causal language model",
) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def validate(data: Any) -> None:
    """Check that data has the form of a report.

    Raises:
        ValueError: If not, with the place and the reason.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(SCHEMA).iter_errors(data))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the report"
        raise ValueError(f"{place}: {error.message:.200}")
    for name, task in data["tasks"].items():
        lengths = {len(column) for column in task["by_item"].values()}
        if lengths != {task["items"]}:
            raise ValueError(
                f"tasks/{name}/by_item has not a row for each of {task['items']} items"
            )
