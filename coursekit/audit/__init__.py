"""The calibration report of a language model: `from coursekit.audit import audit`.

`audit(lm)` measures weights, `audit_served(address)` a model behind an address, and
`audit_results(file)` what a model has answered before; `compare` sets two reports side by side,
`Task` is what `audit` asks, and `load_calibrator` gives back a repair that an audit has proven.
Names are looked up when they are first asked for, so importing this room costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coursekit._faces import lazy_face

if TYPE_CHECKING:
    from coursekit.audit.asking import AnswerTask, ChoiceTask
    from coursekit.audit.calibrator import Repair, load_calibrator
    from coursekit.audit.comparison import TaskComparison, compare
    from coursekit.audit.gate import held_against
    from coursekit.audit.items import Item, Task
    from coursekit.audit.questions import read_questions, task_of
    from coursekit.audit.report import Report
    from coursekit.audit.results.run import ModelResults, audit_results, audit_results_by_model
    from coursekit.audit.run import TASKS, audit, default_batch_size
    from coursekit.audit.running import OutOfMemoryError
    from coursekit.audit.schema import SCHEMA
    from coursekit.audit.served.client import ServerError
    from coursekit.audit.served.run import audit_served

#: In which module each name lives.
_HOMES = {
    "AnswerTask": "asking",
    "ChoiceTask": "asking",
    "SCHEMA": "schema",
    "TASKS": "run",
    "Item": "items",
    "ModelResults": "results.run",
    "OutOfMemoryError": "running",
    "Repair": "calibrator",
    "Report": "report",
    "ServerError": "served.client",
    "Task": "items",
    "TaskComparison": "comparison",
    "audit": "run",
    "audit_results": "results.run",
    "audit_results_by_model": "results.run",
    "audit_served": "served.run",
    "compare": "comparison",
    "default_batch_size": "run",
    "held_against": "gate",
    "load_calibrator": "calibrator",
    "read_questions": "questions",
    "task_of": "questions",
}

__all__ = [
    "SCHEMA",
    "TASKS",
    "AnswerTask",
    "ChoiceTask",
    "Item",
    "ModelResults",
    "OutOfMemoryError",
    "Repair",
    "Report",
    "ServerError",
    "Task",
    "TaskComparison",
    "audit",
    "audit_results",
    "audit_results_by_model",
    "audit_served",
    "compare",
    "default_batch_size",
    "held_against",
    "load_calibrator",
    "read_questions",
    "task_of",
]

__getattr__, __dir__ = lazy_face(__name__, _HOMES)
