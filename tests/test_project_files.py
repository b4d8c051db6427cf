"""The files that hosts and tools read: changelog, issue forms, workflows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import coursekit

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[0-9]*.yml"))
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def test_the_changelog_begins_with_this_version_and_goes_back_in_time():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d+\.\d+\.\d+) \(([^)]+)\)$", text, flags=re.M)
    versions = [tuple(map(int, version.split("."))) for version, _ in headings]
    assert headings[0][0] == coursekit.__version__
    assert versions == sorted(set(versions), reverse=True)
    for at, (_, when) in enumerate(headings):
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", when) or (at == 0 and when == "not yet released")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_reads(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "labels", "body"} == set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    for field in form["body"]:
        assert field["type"] in {"input", "textarea"}
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_there_are_forms_for_what_goes_wrong():
    assert len(FORMS) == 3


def faults(workflow):
    """What a workflow may do that it need not, and which of its commands nothing stops."""
    allowed = workflow.get("permissions")
    found = [] if allowed == {"contents": "read"} else [f"permissions: {allowed}"]
    for name, job in workflow["jobs"].items():
        if "timeout-minutes" not in job and "environment" not in job:
            found.append(f"{name}: no time limit")
        for step in job["steps"]:
            action = step.get("uses", "")
            if action and not re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", action):
                found.append(f"{name}: {action}")
            if "github.event" in step.get("run", ""):
                found.append(f"{name}: what others write becomes a command")
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_what_it_must_and_no_more(path):
    assert faults(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_a_workflow_that_may_do_too_much_is_noticed():
    steps = [{"uses": "someone/action@main"}, {"run": "echo ${{ github.event.issue.title }}"}]
    workflow = {"permissions": "write-all", "jobs": {"job": {"steps": steps}}}
    assert len(faults(workflow)) == 4
