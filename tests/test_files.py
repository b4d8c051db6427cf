from __future__ import annotations

import errno
import os
import stat

import pytest

from coursekit._files import write_atomically


@pytest.fixture
def file(tmp_path):
    where = tmp_path / "notes.txt"
    where.write_text("before", encoding="utf-8")
    return where


def full_disk(_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_text_is_utf_8_with_one_kind_of_line_end(file):
    write_atomically(file, "é\n")
    assert file.read_bytes() == b"\xc3\xa9\n"


def test_bytes_stay_as_they_are(file):
    write_atomically(str(file), b"\x00\r\n")
    assert file.read_bytes() == b"\x00\r\n"


def test_on_a_full_disk_the_old_file_stays_and_the_error_names_it(file, monkeypatch):
    monkeypatch.setattr("coursekit._files.os.fsync", full_disk)
    with pytest.raises(OSError, match=r"No space left on device: .*notes\.txt") as caught:
        write_atomically(file, "after")
    assert caught.value.errno == errno.ENOSPC
    assert file.read_text(encoding="utf-8") == "before"
    assert os.listdir(file.parent) == ["notes.txt"]


def test_what_a_killed_writer_left_is_gone_after_the_next_write(file):
    file.with_name(".notes.txt.partial").write_text("half of someth", encoding="utf-8")
    write_atomically(file, "after")
    assert file.read_text(encoding="utf-8") == "after"
    assert os.listdir(file.parent) == ["notes.txt"]


def test_no_reader_sees_the_content_before_it_is_whole(file, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "coursekit._files.os.fsync", lambda _: seen.append(file.read_text(encoding="utf-8"))
    )
    write_atomically(file, "after")
    assert seen == ["before"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_private_file_is_private_before_anything_is_in_it(file, monkeypatch):
    partial = file.with_name(".notes.txt.partial")
    partial.touch(mode=0o644)  # a killed writer's, which anybody may read
    modes = []
    monkeypatch.setattr(
        "coursekit._files.os.chmod", lambda path, mode, chmod=os.chmod: modes.append(
            (chmod(path, mode), os.path.getsize(path))
        )
    )  # fmt: skip
    write_atomically(file, "secret", mode=0o600)
    assert modes == [(None, 0)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
