"""What can be wrong with a remote, with the devices, and with what is written there."""

from __future__ import annotations

import pytest
import simulation
from simulation import Device, World

from roadmap_cli.core.errors import ConfigError, DataError, Negative, RoadmapError, UsageError
from roadmap_cli.slm.sync import changes, conflicts, exchange, members, publish, revision, segment, setup, tree


def codes(outcome: exchange.Outcome) -> list[str]:
    return [problem.code for problem in outcome.problems]


def own(world: World, device: Device) -> list[str]:
    return sorted(name for name in world.memory.data if device.device_id in name)


def write(device: Device, name: str, text: str) -> str:
    body = f'{{"kind":"slm.prompt","id":"{name}","at":"2026-11-23T09:00:00.000Z","text":"{text}"}}'
    device.user_writes(name, body)
    return body


@pytest.fixture
def pair(world):
    one, other = world.device(), world.device()
    write(one, "slm_1", "first")
    one.sync()
    other.sync()
    one.sync()
    return one, other


# -- the remote --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["flip", "cut", "empty", "longer", "foreign"])
def test_a_tampered_segment_is_refused_and_can_be_published_anew(world, pair, change):
    one, other = pair
    write(one, "slm_1", "second")
    (sent,) = one.sync().sent
    data = world.memory.data[sent.name]
    world.memory.data[sent.name] = {
        "flip": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "cut": data[: len(data) // 2],
        "empty": b"",
        "longer": data + b"x",
        "foreign": b"hello\n",
    }[change]
    outcome = other.sync()
    assert codes(outcome) == ["damaged"]
    assert "push --snapshot" in outcome.problems[0].hint
    assert "first" in other.table()["slm_1"]
    one.sync("push", snapshot=True)
    assert codes(other.sync()) == []
    assert "second" in other.table()["slm_1"]
    world.settle()


def test_a_well_formed_segment_of_another_is_not_taken_for_a_devices_own(world, pair):
    """Whoever can write to the remote knows the recipients' keys, perhaps, but not the signing key."""
    one, other = pair
    stranger = Device(world, "stranger")
    with one.state.read() as tx:
        me = members.me(tx)
    with stranger.state.read() as tx:
        forger = members.me(tx)
    head = segment.Head(one.device_id, me.next_seq, me.last_hash)
    body = '{"kind":"slm.prompt","id":"slm_1","at":"2026-11-23T09:00:00.000Z","text":"forged"}'
    forged = revision.made("slm_1", "slm.prompt", (), body, device_id=one.device_id, clock="c")
    data = segment.sealed(head, [forged], forger.signer, [other.card.recipient])
    world.memory.data[segment.name_of(one.device_id, me.next_seq, segment.digest(data))] = data
    assert codes(other.sync()) == ["bad_signature"]
    assert "first" in other.table()["slm_1"]
    stranger.state.close()


def test_a_segment_in_another_place_is_refused(world, pair):
    one, other = pair
    for text in ("a", "b"):
        write(one, "slm_1", text)
        one.sync()
    *_, before, last = own(world, one)
    data = world.memory.data.pop(before)
    parts = segment.NAME.match(last)
    world.memory.data[segment.name_of(one.device_id, int(parts[2], 16) + 1, segment.digest(data))] = data
    assert codes(other.sync()) == ["missing"]
    del world.memory.data[last]
    world.memory.data[segment.name_of(one.device_id, int(parts[2], 16) - 1, parts[3])] = b"x"
    assert codes(other.sync()) == ["damaged"]


def test_a_gap_is_an_error_not_nothing_new(world, pair):
    one, other = pair
    for text in ("a", "b", "c"):
        write(one, "slm_1", text)
        one.sync()
    hidden = own(world, one)[-2]
    data = world.memory.data.pop(hidden)
    outcome = other.sync()
    assert codes(outcome) == ["missing"]
    assert '"a"' in other.table()["slm_1"]
    world.memory.data[hidden] = data
    assert codes(other.sync()) == []
    assert '"c"' in other.table()["slm_1"]


def test_a_remote_that_goes_back_is_an_error(world, pair):
    one, other = pair
    before = dict(world.memory.data)
    write(one, "slm_1", "second")
    one.sync()
    other.sync()
    world.memory.data = before
    assert codes(other.sync()) == ["rolled_back"]
    assert codes(one.sync()) == ["rolled_back", "rolled_back"]
    one.sync("push", snapshot=True)
    other.sync("push", snapshot=True)
    world.settle()


def test_another_device_that_has_seen_more_tells_that_something_is_kept_back(world, pair):
    one, other = pair
    third = world.device()
    world.settle()
    write(one, "slm_1", "second")
    (sent,) = one.sync().sent
    third.sync()
    write(third, "slm_2", "another")
    third.sync()
    del world.memory.data[sent.name]
    other.sync()
    work = exchange.Exchange(other.state, world.now)
    (problem,) = work.missing()
    assert problem.code == "missing"
    assert "other devices have seen" in problem.message


def test_foreign_files_and_devices_change_nothing(world, pair):
    _one, other = pair
    world.memory.data |= {
        ".stfolder/x": b"",
        "v1/desktop.ini": b"",
        "v1/aaaaaaaaaaaaaaaaaaaa/00000001-" + "0" * 64 + ".age": b"?",
        "v1/aaaaaaaaaaaaaaaaaaaa/00000001-x.sync-conflict.age": b"?",
    }
    outcome = other.sync()
    assert codes(outcome) == []
    assert outcome.strangers == ["aaaaaaaaaaaaaaaaaaaa"]


def test_a_full_remote_leaves_everything_to_be_sent_later(world, pair):
    one, other = pair

    class Full(simulation.MemoryPlace):
        def put(self, name, data, kinds):
            raise RoadmapError("no space left")

    good = world.memory
    world.memory = Full(world.chance, simulation.CALM, world.steps, data=good.data)
    write(one, "slm_1", "second")
    with pytest.raises(RoadmapError, match="no space"):
        one.sync()
    world.memory = good
    assert len(one.sync().sent) == 1
    other.sync()
    assert "second" in other.table()["slm_1"]


# -- devices -----------------------------------------------------------------------------------------------------------


def test_a_device_that_comes_late_gets_everything_and_what_was_deleted_stays_deleted(world, pair):
    one, _other = pair
    write(one, "slm_2", "gone")
    one.sync()
    one.user_writes("slm_2", None)
    one.sync()
    third = world.device()
    world.settle()
    assert set(third.table()) == {"slm_1"}


def test_a_device_added_on_one_is_known_to_all(world, pair):
    one, other = pair
    third = Device(world, "third")
    with third.state.write() as tx:
        setup.add_remote(tx, simulation.Remote("r", "/r"), at=world.now())
    one.trust(third)
    third.trust(one)
    world.devices.append(third)
    write(other, "slm_2", "from other")
    other.sync()
    world.settle()
    assert "slm_2" in third.table()
    assert other.knows(third)


def test_a_removed_device_reads_nothing_new_and_what_it_wrote_stays(world, pair):
    one, other = pair
    write(other, "slm_2", "before")
    other.sync()
    one.sync()
    with one.state.write() as tx:
        setup.remove_device(tx, other.device_id, at=world.now())
    one.sync()
    write(other, "slm_2", "after")
    outcome = other.sync()
    assert codes(outcome) == ["removed"]
    write(one, "slm_3", "secret")
    (sent,) = one.sync().sent
    with other.state.read() as tx:
        identity = members.me(tx).identity
    with pytest.raises(segment.NotForUs):
        segment.opened(world.memory.data[sent.name], identity, one.card.verify_key)
    assert "before" in one.table()["slm_2"]
    with one.state.write() as tx, pytest.raises(ConfigError, match="stays removed"):
        setup.add_device(tx, other.card, other.card.fingerprint, at=world.now())
    with other.state.write() as tx:
        again = setup.init(tx, name="again", kinds=(), at=world.now(), renew=True)
    other.card = again.card
    one.trust(other)
    other.trust(one)
    world.settle()
    assert "secret" in other.table()["slm_3"]
    assert "after" in one.table()["slm_2"]


def test_a_card_without_its_fingerprint_or_with_another_is_not_trusted(world):
    one, other = Device(world, "one"), Device(world, "other")
    with one.state.write() as tx:
        with pytest.raises(UsageError, match="compare first"):
            setup.add_device(tx, other.card, None, at=world.now())
        with pytest.raises(DataError, match="not that of a device"):
            setup.add_device(tx, other.card, one.card.fingerprint, at=world.now())
        with pytest.raises(UsageError, match="own card"):
            setup.add_device(tx, one.card, one.card.fingerprint, at=world.now())
    assert not one.knows(other)
    for device in (one, other):
        device.state.close()


def test_a_state_from_a_backup_goes_on_behind_what_it_had_sent(world, pair):
    one, other = pair
    one.back_up()
    write(one, "slm_1", "after the backup")
    one.sync()
    other.sync()
    one.go_back()
    write(one, "slm_2", "anew")
    world.settle()
    assert "after the backup" in one.table()["slm_1"]
    assert set(other.table()) == {"slm_1", "slm_2"}


def test_a_copied_state_is_told_as_two_devices_of_one_name(world, pair):
    one, other = pair
    one.back_up()
    write(one, "slm_1", "the original")
    one.sync()
    other.sync()
    names = dict(world.memory.data)
    one.go_back()
    world.memory.data = {name: data for name, data in names.items() if name not in own(world, one)[1:]}
    world.memory.past.clear()
    write(one, "slm_1", "the copy")
    outcome = one.sync("push")
    world.memory.data |= names
    if outcome.sent:
        assert "forked" in codes(one.sync()) + codes(other.sync())
        assert '"the original"' in other.table()["slm_1"]


# -- records -----------------------------------------------------------------------------------------------------------


def test_an_edit_wins_against_a_deletion_elsewhere_and_an_unsent_deletion_wins_here(world, pair):
    one, other = pair
    one.user_writes("slm_1", None)
    one.sync()
    write(other, "slm_1", "still wanted")
    other.sync()
    one.sync()
    assert "still wanted" in one.table()["slm_1"]
    with one.state.read() as tx:
        ((shown, losers),) = conflicts.open_ones(tx)
    assert not shown.deleted
    assert [each.deleted for each in losers] == [True]
    world.settle()


def test_the_loser_is_found_shown_and_restored(world, pair):
    one, other = pair
    write(one, "slm_1", "from one")
    write(other, "slm_1", "from other")
    one.sync()
    other.sync()
    assert "from other" in other.table()["slm_1"]
    one.sync()
    assert "from other" in one.table()["slm_1"]
    with one.state.write() as tx:
        me = members.me(tx)
        ((_, (lost,)),) = conflicts.open_ones(tx)
        assert "from one" in lost.body
        with pytest.raises(UsageError, match="no revision"):
            conflicts.restore(tx, me, "slm_1", "9-abc", world.now())
        conflicts.restore(tx, me, "slm_1", lost.name, world.now())
        assert conflicts.count(tx) == 0
        with pytest.raises(Negative):
            list(conflicts.versions(tx, "slm_none", None, ""))
    world.settle()
    assert "from one" in other.table()["slm_1"]
    with other.state.read() as tx:
        assert conflicts.count(tx) == 0
        assert len(tree.history(tx, "slm_1")) == 5


def test_where_all_heads_are_merges_of_the_same_parents_nothing_more_is_written(world, pair):
    one, other = pair
    write(one, "slm_1", "from one")
    write(other, "slm_1", "from other")
    one.sync("push")
    other.sync("push")
    # Both are sent before either is taken in: each defends its own once.
    one.sync("pull")
    other.sync("pull")
    one.sync("push")
    other.sync("push")
    rounds = world.settle()
    assert rounds <= 3
    with one.state.read() as tx:
        heads = [head for head, _, _ in tree.heads(tx, "slm_1")]
    assert len(heads) == 2
    assert len({head.parents for head in heads}) == 1


def test_a_record_that_rows_rest_on_is_kept_and_not_taken_for_a_new_one(world, pair):
    one, other = pair
    with other.state.write() as tx:
        tx.execute("CREATE TABLE rests (id TEXT NOT NULL REFERENCES record (id)) STRICT")
        tx.execute("INSERT INTO rests VALUES ('slm_1')")
    one.user_writes("slm_1", None)
    one.sync()
    other.sync()
    assert "slm_1" in other.table()
    assert other.sync().sent == []
    one.sync()
    assert "slm_1" not in one.table()


def test_only_chosen_kinds_leave_and_are_shown(world, pair):
    one, other = pair
    note = '{"kind":"life.note","id":"life_1","at":"2026-11-23T09:00:00.000Z","text":"private"}'
    with one.state.write() as tx:
        tx.execute("INSERT INTO record VALUES ('life_1', 'life.note', '2026-11-23T09:00:00.000Z', ?)", (note,))
    assert one.sync().sent == []
    with one.state.write() as tx:
        setup.select(tx, ("slm.*", "life.note"), at=world.now())
    assert [each.kinds for each in one.sync().sent] == [("life.note",)]
    other.sync()
    assert "life_1" not in other.table()
    with other.state.write() as tx:
        setup.select(tx, ("slm.*", "life.*"), at=world.now())
    assert "life_1" in other.table()
    with one.state.write() as tx:
        setup.select(tx, ("slm.*",), at=world.now())
        tx.execute("UPDATE record SET body = replace(body, 'private', 'secret') WHERE id = 'life_1'")
    assert one.sync().sent == []
    with one.state.write() as tx, pytest.raises(DataError, match="not among those"):
        changes.put(tx, members.me(tx), {"kind": "life.note", "id": "x", "at": "2026-11-23T09:00:00.000Z"}, world.now())
    with one.state.write() as tx, pytest.raises(UsageError, match="not a kind"):
        setup.select(tx, ("slm*",), at=world.now())


def test_the_same_record_made_on_both_is_one(world):
    one, other = world.device(), world.device()
    write(one, "slm_1", "same")
    other.user_writes("slm_1", '{"id":"slm_1","text":"same","at":"2026-11-23T09:00:00.000Z","kind":"slm.prompt"}')
    for device in (one, other, one, other):
        device.sync()
    assert one.view()[1] == other.view()[1]
    with one.state.read() as tx:
        assert len(tree.history(tx, "slm_1")) == 1


def test_old_segments_go_when_all_devices_have_a_snapshot(world, pair, monkeypatch):
    monkeypatch.setattr(exchange, "COMPACT_AFTER", 4)
    one, other = pair
    for number in range(12):
        write(one, f"slm_{number}", "x" * number)
        one.sync()
        other.sync()
    world.settle()
    assert len(own(world, one)) <= 8
    third = world.device()
    world.settle()
    assert len(third.table()) == 12


def test_a_second_remote_gets_everything_though_the_bytes_are_gone(world, pair):
    one, _other = pair
    second = simulation.MemoryPlace(world.chance, simulation.CALM, world.steps)
    with one.state.write() as tx:
        setup.add_remote(tx, simulation.Remote("s", "/s"), at=world.now())
    work = exchange.Exchange(one.state, world.now)
    outcome = exchange.Outcome("s")
    work.sync("run", second, outcome)
    assert sum(each.record_count for each in outcome.sent) == 1
    again = exchange.Outcome("s")
    work.sync("run", second, again)
    assert again.sent == []
    assert publish.MOST_RECORDS == 1000
