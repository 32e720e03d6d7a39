"""What CalDAV keeps between requests stays within its bounds."""

from __future__ import annotations

from plugins.radicale.data_responses import escaped
from plugins.radicale.memory import Memory


def test_what_came_first_is_forgotten_first_and_sizes_are_kept() -> None:
    memory: Memory[int, str] = Memory(100)
    for number in range(10):
        memory.put(number, str(number), 30)
    assert [number for number in range(10) if memory.get(number) is not None] == [7, 8, 9]
    memory.put(7, "seven", 90)
    assert (memory.get(7), memory.get(8), memory.get(9)) == ("seven", None, None)
    memory.put(1, "too large", 1000)
    assert memory.get(1) is None


def test_texts_are_escaped_together_or_not_at_all() -> None:
    assert escaped([b"a & <b>\r\n", b"", "Ä😀".encode()]) == [
        b"a &amp; &lt;b&gt;&#13;\n",
        b"",
        "Ä😀".encode(),
    ]
    for odd in (b"\x00", b"\x01", b"\x1f", "\ufffe".encode(), "\uffff".encode(), "\ufeff".encode()):
        assert escaped([b"plain", b"a" + odd]) is None
