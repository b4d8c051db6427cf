"""The form of `report.json`, as a JSON Schema: what every entry is, and what a reader may rely on.

`VERSION` grows whenever an entry changes its meaning or disappears; new entries leave it as it is,
and a reader ignores what it does not know. Version 3 says of what kind its subject is: weights that
were read, a model that was served, or results that existed. What only some kinds have is optional:
the size of a model, and the NLL and a temperature, which need the probabilities of all options. The
rows of `by_item` are what is resampled where one for each item would be too many.
The ECE is without what chance adds, its interval one that a calibrated model's 0 can be in
(`ece_interval`), and with fewer than 30 entities all other intervals are Student's t.

Reference:
    https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from typing import Any

from coursekit.calibration.sums import BINNED, METRICS, N_BINS, PLAIN

FORMAT, VERSION = "coursekit-audit", 3
#: What has an interval, in the order in which it is shown.
INTERVALS = (*METRICS, "auroc", "value")

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number"}


def _entries(
    required: dict[str, Any], optional: dict[str, Any] | None = None, what: str = ""
) -> dict[str, Any]:
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
    what="a value with its 95 % interval, for other entities like these: percentiles of 1000 "
    "resamples of whole entities, or Student's t with fewer than 30",
)
_METRICS = _entries(
    {name: _INTERVAL | {"description": METRICS[name]} for name in METRICS if name != "nll"},
    {
        "nll": _INTERVAL | {"description": METRICS["nll"]},
        "auroc": _INTERVAL
        | {"description": "how well confidence tells right from wrong; only for questions"},
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
_RAW_ECE = _NUMBER | {"description": "the ECE as other tools compute it, with what chance adds"}
_GROUP = _entries({"items": _COUNT, "entities": _COUNT, "metrics": _METRICS}, {"raw_ece": _RAW_ECE})
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
            {name: _INTERVAL for name in METRICS},
            what="after minus before, paired; of the ECE, the difference of what is left of both "
            "without chance",
        ),
        "bins_after": _BINS,
    },
    {"raw_ece_before": _RAW_ECE},
)
_SIDE = _entries({"metrics": _METRICS, "raw_ece": _RAW_ECE})
_BESIDE = _entries(
    {
        "items": _COUNT | {"description": "answers that have both"},
        "unread": _COUNT
        | {"description": "of these, with a stated confidence that nobody can read: 50 %"},
        "without_probability": _COUNT | {"description": "other answers, which stand apart"},
        "stated": _SIDE,
        "token": _SIDE,
        "difference": _entries(
            {}, {name: _INTERVAL for name in INTERVALS}, "token minus stated, paired"
        ),
    },
    what="of the same answers: what the model states, and the probability of their tokens",
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
        "bins": _BINS,
        "groups": {
            "type": "object",
            "description": "by label and its value; of at least 10 items and 2 entities",
            "additionalProperties": {"type": "object", "additionalProperties": _GROUP},
        },
        "by_item": _entries(
            {
                "name": _list_of(_TEXT),
                "entity": _list_of(_TEXT),
                "sums": _list_of(_list_of(_NUMBER, N_BINS * len(BINNED) + len(PLAIN))),
            },
            what="a row an item, or for several together: "
            f"{', '.join(BINNED)} in each bin, then {' and '.join(PLAIN)}",
        ),
    },
    {
        "asked": _entries(
            {"how": _TEXT},
            what="of a served model: how it was asked, and how often its answers could not be read",
        ),
        "beside": _BESIDE,
        "temperature": _TEMPERATURE,
        "scale": _TEXT | {"description": "what the temperature divides"},
        "prompt": _TEXT | {"description": "of the first question, with its answered examples"},
        "surest_wrong": _list_of(
            _entries({"question": _TEXT, "said": _TEXT, "right": _TEXT, "agreeing": _COUNT}),
            what="wrong free answers, those that most samples gave first",
        ),
    },
)
SCHEMA = _entries(
    {
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "model": _entries(
            {
                "kind": _TEXT | {"description": "of the subject: weights, served or results"},
                "name": _TEXT,
                "fingerprint": _TEXT
                | {"description": "SHA-256 of weights, of files, or of what a server calls itself"},
            },
            {
                "server": _TEXT | {"description": "what serves the model, as it says itself"},
                "parameters": _COUNT,
                "vocabulary": _COUNT,
                "dtype": _TEXT | {"description": "precision of the weights as they were used"},
                "weights": _TEXT | {"description": "the same, and from what they were expanded"},
            },
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
        "seal": _TEXT
        | {"description": "SHA-256 of the rest: sorted keys, no spaces, ASCII; no signature"},
    },
    {
        "notes": _list_of(_TEXT, what="what a reader must be told"),
        "served": _entries(
            {"can": _list_of(_TEXT), "cannot": _list_of(_TEXT), "control": _list_of(_TEXT)},
            what="of a served model: what it was found to do, and what was scored in two ways",
        ),
    },
    what="calibration report of a language model",
) | {"$schema": "https://json-schema.org/draft/2020-12/schema"}

CALIBRATOR_FORMAT, CALIBRATOR_VERSION = "coursekit-calibrator", 1
CALIBRATOR_SCHEMA = _entries(
    {
        "format": {"const": CALIBRATOR_FORMAT},
        "version": {"const": CALIBRATOR_VERSION},
        "method": {"const": "temperature"},
        "parameters": _entries({"temperature": _NUMBER}),
        "model": _entries(
            {"name": _TEXT, "fingerprint": _TEXT, "vocabulary": _COUNT, "weights": _TEXT}
        ),
        "task": _entries(
            {
                "name": _TEXT,
                "event": _TEXT | {"description": "what comes true or not"},
                "scale": _TEXT | {"description": "what the temperature divides"},
                "items": _TEXT | {"description": "a digest of what exactly was asked"},
                "seed": _COUNT | {"description": "chose the items and their halves"},
                "calibration_items": _COUNT,
                "held_out_items": _COUNT,
            },
            {"prompt": _TEXT | {"description": "of the first question, with its examples"}},
        ),
        "nll_change": _INTERVAL
        | {"description": "held-out negative log-likelihood, after minus before, paired; in nats"},
        "software": {"type": "object", "additionalProperties": _TEXT},
    },
    what="a repair that was fitted on one half of the entities and judged on the other",
)


#: Names in JSON of what Python reads; a truth value is no number here, though Python takes it so.
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def validate(data: Any) -> None:
    """Check that data has the form of `report.json`.

    Millions of numbers stand in a large report, so this reads the few words that `SCHEMA` uses by
    itself, a hundred times as fast as a validator of everything that a JSON Schema can say.

    Raises:
        ValueError: If not, with the place and the reason.

    Example:
        >>> validate({"format": FORMAT, "version": VERSION})
        Traceback (most recent call last):
        ValueError: the file must have 'model'
    """
    _check(data, SCHEMA, ())
    if data["model"]["kind"] == "weights":
        for part in ("parameters", "vocabulary", "dtype", "weights"):
            _require(part in data["model"], ("model",), f"have {part!r}")
    for name, task in data["tasks"].items():
        for part in ("limit", "items"):
            _require(name in data["settings"][part], ("settings", part), f"have {name!r}")
        lengths = {len(task["by_item"][column]) for column in ("name", "entity", "sums")}
        if len(lengths) > 1 or max(lengths) > task["items"]:
            raise ValueError(
                f"tasks/{name}/by_item must have columns of one length, of at most a row for each "
                f"of {task['items']} items"
            )


def validate_calibrator(data: Any) -> None:
    """Check that data has the form of a saved calibrator.

    Raises:
        ValueError: If not, with the place and the reason.

    Example:
        >>> validate_calibrator({"format": CALIBRATOR_FORMAT, "version": CALIBRATOR_VERSION})
        Traceback (most recent call last):
        ValueError: the file must have 'method'
    """
    _check(data, CALIBRATOR_SCHEMA, ())
    temperature = data["parameters"]["temperature"]
    _require(temperature > 0, ("parameters", "temperature"), "be above 0", temperature)


def _check(data: Any, schema: dict[str, Any], place: tuple[str, ...]) -> None:
    if "const" in schema:
        _require(data == schema["const"], place, f"be {schema['const']!r}", data)
        return
    _require(type(data) in _TYPES[schema["type"]], place, f"be of type {schema['type']}", data)
    if schema["type"] == "object":
        _check_object(data, schema, place)
    elif schema["type"] == "array":
        _check_array(data, schema, place)
    elif "minimum" in schema:
        _require(data >= schema["minimum"], place, f"be at least {schema['minimum']}", data)


def _check_object(data: dict[str, Any], schema: dict[str, Any], place: tuple[str, ...]) -> None:
    for name in schema.get("required", ()):
        _require(name in data, place, f"have {name!r}")
    _require(len(data) >= schema.get("minProperties", 0), place, "have an entry")
    known, other = schema.get("properties", {}), schema.get("additionalProperties")
    for name, value in data.items():
        if (expected := known.get(name, other)) is not None:
            _check(value, expected, (*place, name))


def _check_array(data: list[Any], schema: dict[str, Any], place: tuple[str, ...]) -> None:
    n, items = len(data), schema["items"]
    if "minItems" in schema:
        _require(n == schema["minItems"], place, f"have {schema['minItems']} entries", n)
    if (
        "minimum" not in items
        and set(map(type, data)) <= {*_TYPES[items["type"]]}
        and (items["type"] in ("string", "number"))
    ):
        return  # a list of nothing but numbers, or texts, at the speed of C
    for index, value in enumerate(data):
        _check(value, items, (*place, str(index)))


def _require(holds: bool, place: tuple[str, ...], what: str, *found: Any) -> None:
    if not holds:
        said = "".join(f", found {value!r:.80}" for value in found)
        raise ValueError(f"{'/'.join(place) or 'the file'} must {what}{said}")
