"""Objects merged into one file by cutting are the same as those merged line by line."""

from __future__ import annotations

import io
from unittest import mock

import pytest

from plugins.radicale import merging
from plugins.radicale.merging import Merger
from tests.judge.corpus import calendar_files

ZONE = b"BEGIN:VTIMEZONE\r\nTZID:Own\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
EVENT = b"BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n"
ODD = [
    EVENT + b"X-BETWEEN:1\r\n" + EVENT,
    EVENT + b"X-BEHIND:1\r\n",
    b"X-LATE:1\r\n" + EVENT,
    b"BEGIN:VEVENT\r\nDESCRIPTION:a\r\n BEGIN:VEVENT\r\nEND:VEVENT\r\n",
    b"BEGIN:VEVENT\r\nDESCRIPTION:a\r\n END:VEVENT\r\nSUMMARY:b\r\nEND:VEVENT\r\n",
    b"begin:vevent\r\nUID:a\r\nend:vevent\r\n",
    EVENT.replace(b"\r\n", b"\n"),
    b"BEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\n",
    ZONE + EVENT + ZONE.replace(b"Own", b"Other") + EVENT,
    ZONE + ZONE + EVENT,
    ZONE.replace(b"END:VTIMEZONE", b"end:vtimezone") + EVENT,
    ZONE,
    EVENT + EVENT,
    b"",
]


def merged(*icals: bytes) -> bytes:
    file = io.BytesIO()
    merger = Merger(file)
    for ical in icals:
        merger.add(ical)
    return file.getvalue()


def by_line(*icals: bytes) -> bytes:
    with mock.patch.object(merging, "_cut", return_value=None):
        return merged(*icals)


def calendar(inner: bytes) -> bytes:
    return b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + inner + b"END:VCALENDAR\r\n"


@pytest.mark.parametrize("inner", ODD)
def test_every_shape_is_cut_as_its_lines_are_read(inner: bytes) -> None:
    twice = (calendar(inner), calendar(ZONE + EVENT), calendar(inner))
    assert merged(*twice) == by_line(*twice)


def test_every_file_of_the_corpus_is_cut_as_its_lines_are_read() -> None:
    cut = 0
    for path in calendar_files()[1]:
        data = path.read_bytes()
        assert merged(data, data) == by_line(data, data), path.name
        cut += merging._cut(data) is not None
    assert cut > 20
