"""Shares: made, passed on, changed, revoked, and what their receivers make of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from people_kit import open_copy

from davshare.errors import BadRequest, DavshareError, Forbidden, NotFound
from davshare.files import access, settings, transfer, tree
from davshare.files.context import Address, Asker
from davshare.files.service import Files
from davshare.identity import groups, people
from davshare.identity.gate import actor_of
from davshare.index import backends, migrate
from davshare.model.access import Permission
from davshare.model.people import Actor
from davshare.sharing import bits, receipts, shares
from davshare.sharing.shares import Found, New, State
from support import cluster

READ, EDIT, ALL = (bits.rights_of(number) for number in (1, 15, 31))


class World:
    """alice with /Box/in, bob, carol in inner (in outer), dave."""

    def __init__(self, files: Files) -> None:
        self.files = files
        for name in ("inner", "outer"):
            groups.add_group(files.db, name)
        groups.join(files, "outer", "inner", nested=True)
        for name in ("alice", "bob", "carol", "dave"):
            people.add_user(files, name, "a-password-1", member_of=["inner"] if name == "carol" else [])
        for path in ("Box", "Box/in", "other"):
            tree.make_folder(files, self.asker("alice"), self.at("home", path))

    def actor(self, name: str) -> Actor:
        """A user as the gate would let them in."""
        with self.files.db.session() as connection:
            return actor_of(connection, people.user_named(self.files.db, name))

    def asker(self, name: str) -> Asker:
        """The same, without conditions."""
        return Asker(self.actor(name))

    @staticmethod
    def at(top: str, path: str) -> Address:
        """An address below /dav."""
        return Address(("dav", *top.split("/"), *path.split("/")))

    def share(self, who: str, path: str, receiver: str, kind: str = "user", **options: object) -> Found:
        """Let somebody share something of alice's."""
        with self.files.db.session() as connection:
            found = shares.receiver_named(connection, kind, receiver)
        top = "home" if who == "alice" else "users/alice"
        return shares.create(self.files, self.asker(who), self.at(top, path), New(found, **options))  # type: ignore[arg-type]

    def rights(self, who: str, path: str = "Box") -> int:
        """What somebody may do with something of alice's."""
        with self.files.db.session() as connection:
            return self.files.place(connection, self.asker(who), self.at("users/alice", path)).rights

    def received(self, who: str, *states: State) -> list[tuple[str, ...]]:
        """Ways of what somebody has received."""
        return [each.way for each in shares.received(self.files, self.actor(who), states or (State.ACCEPTED,))]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Everybody, and nothing shared."""
    files = open_copy(tmp_path)
    yield World(files)
    files.committer.idle()
    files.db.close()


def put(world: World, **values: object) -> None:
    """Change settings; ``__`` stands for a dot."""
    settings.put(world.files.db, {name.replace("__", "."): value for name, value in values.items()})  # type: ignore[misc]
    world.files.generation()


@pytest.mark.parametrize("number", range(1, 32))
def test_bits_are_permissions_and_back(number: int) -> None:
    """Whoever may do anything may read; nothing else is added or lost."""
    assert bits.bits_of(bits.rights_of(number)) == number | 1
    assert bits.bits_of(bits.rights_of(number), folder=False) == (number | 1) & 19


def test_bits_of_what_acls_say() -> None:
    """Grants that were not made by sharing are told as well as can be."""
    assert bits.bits_of(Permission.ALL) == 31 and bits.bits_of(Permission.READ | Permission.WRITE_ACL) == 17
    assert bits.rights_of(0) == 0


def test_a_user_receives(world: World) -> None:
    """The grant is the share's; owner and receiver are told of it, others are not."""
    made = world.share("alice", "Box", "bob", rights=EDIT, note="for you", expires=int(time.time()) + 9000)
    assert (made.way, made.share.note, made.share.name, made.share.sharer_name) == (("Box",), "for you", "bob", "alice")
    assert made.share.owner_name == "alice" and made.state is State.ACCEPTED
    assert world.rights("bob") == world.rights("bob", "Box/in") == EDIT
    assert world.received("bob") == [("Box",)] and world.received("alice") == world.received("dave") == []
    assert [each.share.id for each in shares.made(world.files, world.actor("alice"))] == [made.share.id]
    assert shares.get(world.files, world.actor("bob"), made.share.id).share.rights == EDIT
    for stranger, number in (("dave", made.share.id), ("bob", made.share.id + 7)):
        with pytest.raises(NotFound):
            shares.get(world.files, world.actor(stranger), number)


def test_a_share_follows_its_node(world: World) -> None:
    """A rename by the owner breaks nothing, and what comes to stand at the old name is not shared."""
    world.share("alice", "Box/in", "bob", rights=READ)
    order = transfer.Order(world.at("home", "Box/in"), world.at("home", "other/new"), move=True)
    transfer.transfer(world.files, world.asker("alice"), order)
    tree.make_folder(world.files, world.asker("alice"), world.at("home", "Box/in"))
    assert world.received("bob") == [("other", "new")]
    assert world.rights("bob", "other/new") == READ and not world.rights("bob", "Box/in")


def test_what_is_deleted_is_shared_no_more(world: World) -> None:
    """Neither the thing itself nor what was in it."""
    made = world.share("alice", "Box/in", "bob", rights=READ)
    tree.delete(world.files, world.asker("alice"), world.at("home", "Box"))
    assert world.received("bob") == [] == shares.made(world.files, world.actor("alice"))
    with pytest.raises(NotFound):
        shares.get(world.files, world.actor("alice"), made.share.id)


@pytest.mark.parametrize("group", ["inner", "outer"])
def test_groups_receive(world: World, group: str) -> None:
    """Members of nested groups, too; and each of them decides alone."""
    groups.join(world.files, "inner", "dave")
    made = world.share("alice", "Box", group, "group", rights=READ)
    assert world.received("carol") == world.received("dave") == [("Box",)] and world.received("bob") == []
    receipts.answer(world.files, world.actor("carol"), made.share.id, State.DECLINED)
    assert world.received("carol") == [] and world.received("dave") == [("Box",)]
    assert world.received("carol", State.DECLINED) == [("Box",)]
    receipts.answer(world.files, world.actor("carol"), made.share.id, State.ACCEPTED)
    assert world.received("carol") == [("Box",)]
    groups.leave(world.files, "inner", "carol")
    assert world.received("carol", *State) == [] and not world.rights("carol")


def test_what_waits_for_an_answer(world: World) -> None:
    """The setting of the time of sharing decides; only receivers answer."""
    put(world, sharing__auto_accept=False)
    made = world.share("alice", "Box", "bob")
    assert world.received("bob") == [] and world.received("bob", State.PENDING) == [("Box",)]
    for who in ("alice", "dave"):
        with pytest.raises(NotFound):
            receipts.answer(world.files, world.actor(who), made.share.id, State.ACCEPTED)
    receipts.answer(world.files, world.actor("bob"), made.share.id, State.ACCEPTED)
    assert world.received("bob") == [("Box",)]


def test_sharing_again_updates(world: World) -> None:
    """With the same receiver there is one share."""
    first = world.share("alice", "Box", "bob", rights=READ, note="one")
    again = world.share("alice", "Box", "bob", rights=ALL, note="two")
    assert again.share.id == first.share.id and (again.share.rights, again.share.note) == (ALL, "two")
    assert len(world.received("bob")) == 1 and world.rights("bob") == ALL


def test_passing_on_needs_the_permission(world: World) -> None:
    """And gives no more than one has; what others have said to the receiver stays."""
    world.share("alice", "Box", "bob", rights=EDIT)
    with pytest.raises(Forbidden):
        world.share("bob", "Box", "dave", rights=READ)
    world.share("alice", "Box", "bob", rights=READ | Permission.SHARE)
    for rights in (EDIT, ALL, Permission.READ | Permission.WRITE_ACL):
        with pytest.raises(Forbidden):
            world.share("bob", "Box", "dave", rights=rights)
    made = world.share("bob", "Box/in", "dave")
    assert bits.bits_of(made.share.rights) == 17 and made.share.sharer_name == "bob"
    assert world.rights("dave", "Box/in") == made.share.rights and not world.rights("dave")
    for update in (EDIT, ALL):
        with pytest.raises(Forbidden):
            shares.update(world.files, world.asker("bob"), made.share.id, rights=update)
    world.share("alice", "Box", "carol", rights=EDIT)
    with pytest.raises(Forbidden):
        world.share("bob", "Box", "carol", rights=READ)
    assert world.rights("carol") == EDIT
    assert [each.share.name for each in shares.shared(world.files, world.asker("alice"), world.at("home", "Box/in"),
                                                      everybodys=True)] == ["dave"]  # fmt: skip


def test_nobody_shares_with_themselves_or_the_owner(world: World) -> None:
    """They have it already."""
    world.share("alice", "Box", "bob")
    for who, receiver in (("alice", "alice"), ("bob", "bob"), ("bob", "alice")):
        with pytest.raises(Forbidden):
            world.share(who, "Box", receiver)


def test_what_cannot_be_shared(world: World) -> None:
    """Nothing, what is not known, the root of a home, and without reading."""
    with pytest.raises(NotFound):
        world.share("alice", "none", "bob")
    with pytest.raises(NotFound):
        world.share("bob", "Box", "dave")
    with world.files.db.session() as connection:
        bob = shares.receiver_named(connection, "user", "bob")
        with pytest.raises(NotFound):
            shares.receiver_named(connection, "group", "bob")
    with pytest.raises(Forbidden):
        shares.create(world.files, world.asker("alice"), Address(("dav", "home"), True), New(bob))
    with pytest.raises(BadRequest):
        world.share("alice", "Box", "bob", rights=Permission.BIND)
    with pytest.raises(BadRequest):
        world.share("alice", "Box", "bob", note="x" * 1001)


@pytest.mark.parametrize("by", ["share", "acl", "group", "weaker", "account"])
def test_what_was_passed_on_ends_with_what_it_rests_on(world: World, by: str) -> None:
    """However the sharer loses it: the share revoked, the grant gone, the group left, less than before."""
    groups.join(world.files, "outer", "bob")
    kind = "group" if by == "group" else "user"
    top = world.share("alice", "Box", "outer" if by == "group" else "bob", kind, rights=ALL)
    world.share("bob", "Box/in", "carol", rights=ALL)
    world.share("carol", "Box/in", "dave", rights=EDIT)
    assert world.rights("dave", "Box/in") == EDIT
    if by == "share":
        shares.revoke(world.files, world.asker("alice"), top.share.id)
    elif by == "acl":
        access.replace(world.files, world.asker("alice"), world.at("home", "Box"), [])
    elif by == "group":
        groups.leave(world.files, "outer", "bob")
        groups.leave(world.files, "outer", "inner", nested=True)
    elif by == "account":
        people.remove_user(world.files, "bob")
    else:
        shares.update(world.files, world.asker("alice"), top.share.id, rights=READ | Permission.SHARE)
        assert world.rights("carol", "Box/in") == READ | Permission.SHARE and world.rights("dave", "Box/in") == READ
        return
    assert not world.rights("carol", "Box/in") and not world.rights("dave", "Box/in")
    assert world.received("carol", *State) == world.received("dave", *State) == []


def test_an_owner_who_shares_again_stands_in(world: World) -> None:
    """What the owner has said does not end with somebody else's share."""
    top = world.share("alice", "Box", "bob", rights=ALL)
    passed = world.share("bob", "Box/in", "dave", rights=READ)
    again = world.share("alice", "Box/in", "dave", rights=EDIT)
    assert (again.share.id, again.share.sharer_name) == (passed.share.id, "alice")
    shares.revoke(world.files, world.asker("alice"), top.share.id)
    assert world.rights("dave", "Box/in") == EDIT


def test_what_is_moved_away_is_passed_on_no_more(world: World) -> None:
    """The sharer's rights were on the folder that it was in; the owner's own shares stay."""
    world.share("alice", "Box", "bob", rights=ALL)
    world.share("alice", "Box/in", "carol", rights=READ)
    world.share("bob", "Box/in", "dave", rights=EDIT)
    for source, target in (("Box", "Crate"), ("Crate/in", "other/in")):
        assert len(world.received("dave")) == 1
        order = transfer.Order(world.at("home", source), world.at("home", target), move=True)
        transfer.transfer(world.files, world.asker("alice"), order)
    assert world.received("dave") == [] and world.received("carol") == [("other", "in")]


def test_what_an_administrator_shared_ends_with_the_office(world: World) -> None:
    """Of project spaces, in which they may nothing any more."""
    from davshare.files import spaces

    spaces.add_space(world.files, "lab", None, None)
    people.set_user(world.files, "bob", admin=True)
    address = world.at("spaces/lab", "d")
    tree.make_folder(world.files, world.asker("bob"), address)
    with world.files.db.session() as connection:
        dave = shares.receiver_named(connection, "user", "dave")
    shares.create(world.files, world.asker("bob"), address, New(dave))
    assert world.received("dave") == [("d",)]
    people.set_user(world.files, "bob", admin=False)
    assert world.received("dave", *State) == []


def test_who_has_it_from_elsewhere_too_keeps_sharing(world: World) -> None:
    """Two grants on one way combine."""
    groups.join(world.files, "outer", "bob")
    first = world.share("alice", "Box", "bob", rights=ALL)
    world.share("alice", "Box", "outer", "group", rights=READ | Permission.SHARE)
    world.share("bob", "Box/in", "dave", rights=EDIT)
    shares.revoke(world.files, world.asker("alice"), first.share.id)
    assert world.rights("dave", "Box/in") == READ


def test_what_is_passed_on_ends_no_later(world: World) -> None:
    """Than what it rests on, even before anybody has cleaned up."""
    end = int(time.time()) + 500
    world.share("alice", "Box", "bob", rights=ALL, expires=end)
    assert world.share("bob", "Box/in", "dave").share.expires == end
    later = shares.update(world.files, world.asker("bob"), shares.made(world.files, world.actor("bob"))[0].share.id,
                          expires=None)  # fmt: skip
    assert later.share.expires == end
    world.share("alice", "Box", "bob", rights=ALL, expires=end - 300)
    assert shares.received(world.files, world.actor("dave"))[0].share.expires == end - 300


def test_only_some_change_a_share(world: World) -> None:
    """Who made it, and who may change access; receivers and strangers do not."""
    made = world.share("alice", "Box", "bob", rights=ALL)
    passed = world.share("bob", "Box/in", "dave", rights=READ)
    for who, number, error in (
        ("bob", made.share.id, Forbidden), ("dave", passed.share.id, Forbidden), ("carol", made.share.id, NotFound),
    ):  # fmt: skip
        for deed in (shares.revoke, shares.update):
            with pytest.raises(error):
                deed(world.files, world.asker(who), number)
    assert shares.update(world.files, world.asker("alice"), passed.share.id, note="n").share.note == "n"
    shares.revoke(world.files, world.asker("alice"), passed.share.id)
    assert world.received("dave", *State) == []


@pytest.mark.parametrize(
    ("name", "value", "receiver", "kind"),
    [
        ("sharing__enabled", False, "bob", "user"),
        ("sharing__group_sharing", False, "inner", "group"),
        ("sharing__only_with_group_members", True, "bob", "user"),
        ("sharing__only_with_group_members", True, "inner", "group"),
        ("sharing__only_with_own_groups", True, "inner", "group"),
    ],
)
def test_the_site_decides_with_whom(world: World, name: str, value: object, receiver: str, kind: str) -> None:
    """Refused by the setting, fine without it."""
    put(world, **{name: value})
    with pytest.raises(Forbidden):
        world.share("alice", "Box", receiver, kind)
    put(world, **{name: None})
    assert world.share("alice", "Box", receiver, kind)


def test_passing_on_can_be_switched_off(world: World) -> None:
    """Then shares do not allow it either; owners go on sharing."""
    world.share("alice", "Box", "bob", rights=ALL)
    put(world, sharing__resharing=False)
    with pytest.raises(Forbidden):
        world.share("bob", "Box", "dave")
    assert bits.bits_of(world.share("alice", "Box", "carol").share.rights) == 15


def test_the_site_decides_for_how_long(world: World) -> None:
    """A default that can be left out, and one that cannot."""
    now = time.time()
    put(world, sharing__user__expire_default=True, sharing__user__expire_days=3)
    expires = world.share("alice", "Box", "bob").share.expires
    assert expires is not None and 3 * 86400 <= expires - now <= 4 * 86400
    assert world.share("alice", "Box", "dave", expires=None).share.expires is None
    assert world.share("alice", "Box", "inner", "group").share.expires is None
    put(world, sharing__user__expire_enforced=True)
    wanted: tuple[int | None, ...] = (None, int(now) - 1, int(now) + 5 * 86400)
    for each in wanted:
        with pytest.raises(BadRequest):
            world.share("alice", "other", "bob", expires=each)
    assert world.share("alice", "other", "bob", expires=int(now) + 100).share.expires == int(now) + 100


def test_default_permissions(world: World) -> None:
    """What a share allows of which nothing was said."""
    put(world, sharing__default_permissions=17)
    assert bits.bits_of(world.share("alice", "Box", "bob").share.rights) == 17


def test_an_acl_changes_the_share(world: World) -> None:
    """They are the same row: rights follow, and without the grant there is no share."""
    world.share("alice", "Box", "bob", rights=ALL)
    bob = people.user_named(world.files.db, "bob").id
    address = world.at("home", "Box")
    access.change(world.files, world.asker("alice"), address, access.Rule(bob, False, READ))
    assert shares.received(world.files, world.actor("bob"))[0].share.rights == READ
    access.change(world.files, world.asker("alice"), address, access.Rule(bob, False, 0))
    assert world.received("bob", *State) == []


def test_a_share_that_has_ended_is_gone(world: World) -> None:
    """At once, before the keeper comes by; and with it what was passed on."""
    world.share("alice", "Box", "bob", rights=ALL, expires=int(time.time()) + 2)
    world.share("bob", "Box/in", "dave")
    time.sleep(2.1)
    assert world.received("bob") == world.received("dave") == [] and not world.rights("dave", "Box/in")
    access.expire(world.files)
    assert shares.made(world.files, world.actor("alice")) == shares.made(world.files, world.actor("bob")) == []


def test_members_of_a_folder_that_are_shared(world: World) -> None:
    """For whoever lists a folder."""
    world.share("alice", "Box/in", "bob")
    found = shares.shared(world.files, world.asker("alice"), world.at("home", "Box"), members=True)
    assert [each.way for each in found] == [("Box", "in")]
    assert shares.shared(world.files, world.asker("alice"), world.at("home", "Box")) == []
    with pytest.raises(DavshareError):
        shares.shared(world.files, world.asker("dave"), world.at("users/alice", "Box"), members=True)


def test_whoever_could_do_everything_still_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The migration adds the permission to share to grants and tokens of everything, and to no others."""
    old = backends.database(tmp_path, cluster.new_database(), durable=False)
    monkeypatch.setattr(migrate, "REVISION", "0004")
    migrate.upgrade(old)
    with old.write() as connection:
        connection.execute("INSERT INTO principal (id, kind, name, created) VALUES (1, 'user', 'u', 0)")
        for node, rights in ((7, 255), (8, 31)):
            connection.execute(
                'INSERT INTO "grant" (node, principal, deny, rights) VALUES (?, 1, 0, ?)', (node, rights)
            )
            connection.execute(
                "INSERT INTO apptoken (id, \"user\", label, hash, mask, scope, created) VALUES (?, 1, '', ?, ?, '', 0)",
                (node, bytes([node]), rights),
            )
    monkeypatch.undo()
    migrate.upgrade(old)
    with old.session() as connection:
        assert connection.execute('SELECT node, rights FROM "grant" ORDER BY node').fetchall() == [(7, 511), (8, 31)]
        assert connection.execute("SELECT id, mask FROM apptoken ORDER BY id").fetchall() == [(7, 511), (8, 31)]
        assert Permission.ALL == 511
    old.close()
