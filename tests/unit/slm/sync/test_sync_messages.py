"""Conversations on two devices: what is said on one stands in its place on the other, and what is forgotten goes."""

from __future__ import annotations

from datetime import timedelta

from simulation import CALM, Device, World

from roadmap_cli.slm.sync import setup
from roadmap_cli.slm.window import archive, chunking


def _two() -> tuple[World, Device, Device]:
    world = World(1, weather=CALM)
    one, other = world.device(), world.device()
    for device in (one, other):
        with device.state.write() as tx:
            setup.select(tx, ("slm.message",), at=world.now())
    return world, one, other


def _say(world: World, device: Device, chat: str, content: str, role: str = "user") -> None:
    world.clock += timedelta(seconds=1)
    with device.state.write() as tx:
        record = {"role": role, "content": content}
        archive.append(tx, archive.open_chat(tx, chat, world.now()), record, chunking.pieces(content), world.now())


def _said(device: Device, chat: str) -> list[str]:
    with device.state.read() as tx:
        found = archive.find(tx, chat)
        return [message.record["content"] for message in archive.messages(tx, found)] if found else []


def test_a_conversation_is_the_same_on_both_devices_in_the_order_of_time():
    world, one, other = _two()
    _say(world, one, "boats", "when is high tide?")
    _say(world, other, "boats", "and when is low tide?")
    _say(world, one, "boats", "at noon", "assistant")
    _say(world, other, "trains", "when does it leave?")
    for device in (one, other, one):
        device.sync()
    expected = ["when is high tide?", "and when is low tide?", "at noon"]
    assert _said(one, "boats") == _said(other, "boats") == expected
    assert _said(one, "trains") == ["when does it leave?"]
    with one.state.read() as tx:
        assert [found["content"] for found in archive.search(tx, "leave", chat=None, limit=3)] == [
            "when does it leave?"
        ]
        assert {chat.name for chat in archive.chats(tx)} == {"boats", "trains"}
    world.close()


def test_what_is_forgotten_on_one_device_is_forgotten_on_the_other():
    world, one, other = _two()
    _say(world, one, "boats", "when is high tide?")
    for device in (one, other):
        device.sync()
    assert _said(other, "boats")
    with one.state.write() as tx:
        archive.forget(tx, archive.need(tx, "boats"))
    for device in (one, other):
        device.sync()
    with other.state.read() as tx:
        assert archive.chats(tx) == []
        assert tx.execute("SELECT count(*) FROM slm_piece_words").fetchone() == (0,)
        assert tx.execute("SELECT count(*) FROM record WHERE kind = 'slm.message'").fetchone() == (0,)
    world.close()


def test_a_record_that_is_no_message_is_left_alone():
    world, one, _ = _two()
    with one.state.write() as tx:
        tx.execute(
            "INSERT INTO record (id, kind, at, body) VALUES ('x', 'slm.message', ?, ?)",
            ("2026-11-23T09:00:00.000Z", '{"kind":"slm.message","id":"x","at":"2026-11-23T09:00:00.000Z"}'),
        )
        assert archive.adopt(tx) == 0
    world.close()
