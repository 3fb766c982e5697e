"""Settings that can change while the server runs, each with its type and limits."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from davshare.errors import UsageError

#: Lists are lists of texts.
Value = bool | int | str | list[str]
#: Longest text, and most texts of a list.
LONGEST, MOST = 1000, 1000


class Setting(NamedTuple):
    """One runtime setting, of the type of its default.

    Whole numbers lie between ``least`` and ``most``; a text, and every text of
    a list, is empty or matches ``pattern``, which ``form`` describes.
    ``personal``: can be set for single people, too.
    """

    name: str
    default: Value
    doc: str
    least: int = 0
    most: int = 2**62
    pattern: str = r"[^\0]*"
    form: str = ""
    personal: bool = False

    @property
    def kind(self) -> str:
        """The type: flag, number, text or list."""
        kinds = {bool: "flag", int: "number", str: "text", list: "list"}
        return kinds[type(self.default)]

    @property
    def expected(self) -> str:
        """What the value has to be, in words."""
        match self.kind:
            case "flag":
                return "on or off"
            case "number":
                return f"a whole number from {self.least} to {self.most}"
            case "text":
                return self.form or "a text"
        return f"a JSON array of texts{self.form and f', each {self.form}'}"

    def fits(self, value: Any) -> bool:
        """Whether ``value`` is of the right type and within the limits."""
        match self.kind:
            case "flag":
                return isinstance(value, bool)
            case "number":
                return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
            case "text":
                return self._is_text(value)
        return isinstance(value, list) and len(value) <= MOST and all(self._is_text(each) for each in value)

    def _is_text(self, value: Any) -> bool:
        return (
            isinstance(value, str) and len(value) <= LONGEST and (not value or bool(re.fullmatch(self.pattern, value)))
        )

    def parse(self, text: str) -> Value:
        """The value that a person wrote.

        :raises UsageError: it is not one; the message says what is expected.
        """
        value: Value | None
        match self.kind:
            case "flag":
                value = _FLAGS.get(text.strip().lower())
            case "number":
                value = size(text) if self.name.endswith("_bytes") else whole(text)
            case "text":
                value = text
            case _:
                value = listed(text)
        if value is None or not self.fits(value):
            raise UsageError(f"{self.name}: expected {self.expected}")
        return value


_FLAGS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b?\Z", re.IGNORECASE).match


def whole(text: str) -> int | None:
    """A whole number, None when ``text`` is not one."""
    try:
        return int(text.strip())
    except ValueError:
        return None


def listed(text: str) -> list[str] | None:
    """A JSON array, or texts between commas; None when ``text`` looks like an array and is none."""
    if not text.strip().startswith("["):
        return [each.strip() for each in text.split(",") if each.strip()]
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def size(text: str) -> int | None:
    """A number of bytes such as ``500``, ``10GB`` or ``1.5 GiB``; None when ``text`` is not one.

    ``k``, ``M``, ``G``, ``T`` and ``P`` count in thousands, with an ``i`` in 1,024s.
    """
    match = _SIZE(text.strip().replace("_", ""))
    if match is None:
        return None
    step = 1024 if match[3] else 1000
    factor = step ** " kmgtp".index(match[2].lower() or " ")
    return int(match[1]) * factor if "." not in match[1] else int(float(match[1]) * factor)


SETTINGS: tuple[Setting, ...] = (
    Setting("dav.depth_infinity", False, "Answer PROPFIND with Depth: infinity instead of refusing it."),
    Setting("dav.macos_files", True, "Take the files that macOS puts beside others: `._NAME` and `.DS_Store`."),
    Setting("property.max_bytes", 65536, "Largest value of one dead property, in bytes.", 256),
    Setting("property.max_count", 1000, "Most dead properties that one file or folder can have.", 1),
    Setting("xml.max_bytes", 1_048_576, "Largest XML request body, in bytes.", 1024, 2**30),
    Setting("locks.default_timeout", 3600, "Seconds that a lock lives whose request names none.", 1, 2**31),
    Setting("locks.max_timeout", 86400, "Most seconds for which a lock is granted.", 1, 2**31),
    Setting("upload.max_bytes", 0, "Largest file that can be uploaded, in bytes; 0 means no limit."),
    Setting("upload.keep_hours", 48, "Hours for which an unfinished upload waits for its next part.", 1, 8760),
    Setting(
        "zip.max_files", 100_000, "Most files and folders that are given out as one ZIP archive or list.", 1, 10**7
    ),
    Setting("trash.keep_days", 30, "Days for which deleted files are kept.", 0, 36500),
    Setting("disk.watch", True, "Notice at once what is changed on disk without the server."),
    Setting(
        "disk.scan_hours",
        24,
        "Hours between comparisons of everything with the disk; 0: at a start only.",
        0,
        8760,
    ),
    Setting(
        "disk.removals_percent",
        25,
        "Share of a space, in percent, that can vanish from disk within an hour.",
        0,
        100,
    ),
    Setting("disk.removals_least", 100, "Files and folders that can vanish from disk within an hour in any case.", 1),
    Setting("disk.hash", True, "Compute checksums of files that have none yet, in the background."),
    Setting("journal.keep_days", 90, "Days for which a client can stay away and still get only changes.", 1, 36500),
    Setting("journal.keep_entries", 10_000_000, "Most journal entries that are kept for one space.", 1000),
    Setting("accounts.change_display_name", True, "Let people change the name that others see of them."),
    Setting("accounts.change_email", True, "Let people change their own e-mail address."),
    Setting("accounts.group_admins", True, "Let managers of groups administer the accounts in them, over OCS."),
    Setting("spaces.create", False, "Let every user who is no guest make spaces, not only administrators."),
    Setting("spaces.quota_bytes", 0, "Quota of spaces that others than administrators make, in bytes; 0 means none."),
    Setting("auth.app_tokens_only", False, "Passwords sign in at `/login` only; everything else needs a token."),
    Setting("auth.login_by_name_only", False, "Sign in by the name of an account only, not by its e-mail address."),
    Setting(
        "auth.openid_provider",
        True,
        "Let ownCloud's apps sign in at this site by OpenID Connect, where `oidc` names no provider for them.",
    ),
    Setting("events.listeners", 10_000, "Most clients that can wait for changes at each worker process.", 0, 10**6),
    Setting("events.listeners_of_user", 100, "Most clients of one user among them.", 0, 10**6),
    Setting("webhooks.of_user", 10, "Most webhooks of one user; 0: nobody can have any."),
    Setting("webhooks.private", False, "Let webhooks go to private addresses, and over HTTP to this machine."),
    Setting("password.min_length", 8, "Fewest characters of a new password.", 1, 256),
    Setting("sharing.enabled", True, "Let people share files and folders with each other."),
    Setting(
        "sharing.share_folder",
        "/Shares",
        "Folder of a home in which received shares appear; `/`: the home itself.",
        pattern=r"/|(?:/(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f]{1,63}){1,5}",
        form="/ or the path of a folder such as /Shares",
    ),
    Setting(
        "sharing.auto_accept",
        True,
        "Received shares are accepted at once; otherwise they wait for an answer.",
        personal=True,
    ),
    Setting("sharing.resharing", True, "Let people share what others have shared with them, if these allow it."),
    Setting("sharing.group_sharing", True, "Let people share with groups."),
    Setting("sharing.only_with_group_members", False, "Let people share with members of their own groups only."),
    Setting("sharing.only_with_own_groups", False, "Let people share with those groups only that they are in."),
    Setting("sharing.exclude_groups", False, "Let nobody share who is in one of the excluded groups."),
    Setting("sharing.excluded_groups", [], "Names of groups whose members may not share, if groups are excluded."),
    Setting("sharing.excluded_receiver_groups", [], "Names of groups that nothing can be shared with."),
    Setting(
        "sharing.default_permissions",
        31,
        "What a share allows by itself: read 1, update 2, create 4, delete 8, share 16, added up.",
        1,
        31,
    ),
    Setting(
        "sharing.search.enumeration", True, "Find whom to share with by a part of the name, not only by all of it."
    ),
    Setting(
        "sharing.search.only_group_members", False, "Find only those by a part of the name who are in one's own groups."
    ),
    Setting("sharing.search.min_length", 2, "Fewest letters by which whom to share with is found by a part.", 1, 64),
    Setting(
        "sharing.search.users_inside_words",
        True,
        "Find people by what stands inside their names, not only by how these begin.",
    ),
    Setting(
        "sharing.search.groups_inside_words",
        True,
        "Find groups by what stands inside their names, not only by how these begin.",
    ),
    Setting(
        "sharing.search.additional_info",
        "",
        "What is shown of people beside their names: `id`, `email`, or nothing.",
        pattern="id|email",
        form="id, email or nothing",
    ),
    Setting(
        "sharing.user.expire_default", False, "Shares with users end after some days unless somebody says otherwise."
    ),
    Setting("sharing.user.expire_enforced", False, "Shares with users may not end later than that."),
    Setting("sharing.user.expire_days", 7, "After how many days shares with users end.", 1, 36500),
    Setting(
        "sharing.group.expire_default", False, "Shares with groups end after some days unless somebody says otherwise."
    ),
    Setting("sharing.group.expire_enforced", False, "Shares with groups may not end later than that."),
    Setting("sharing.group.expire_days", 7, "After how many days shares with groups end.", 1, 36500),
    Setting("sharing.link.enabled", True, "Let people make public links; off: those that there are open nothing."),
    Setting("sharing.link.upload", True, "Let public links be used to write, where they allow it."),
    Setting("sharing.link.mail", False, "Offer to send public links by e-mail."),
    Setting("sharing.link.social", True, "Offer to post public links elsewhere."),
    Setting("sharing.link.restrict_groups", False, "Only those in `sharing.link.allowed_groups` make public links."),
    Setting("sharing.link.allowed_groups", [], "Groups whose members make public links, where that is restricted."),
    Setting("sharing.link.password_enforced.read_only", False, "Public links to read need a password."),
    Setting("sharing.link.password_enforced.read_write", False, "Public links to read and add or change need one."),
    Setting("sharing.link.password_enforced.upload_only", False, "Public links by which things come in only need one."),
    Setting("sharing.link.password_enforced.read_write_delete", False, "Public links to do everything need one."),
    Setting("sharing.link.token_length", 15, "Letters and digits of the tokens of new public links.", 15, 64),
    Setting(
        "sharing.link.frozen_max_bytes",
        10_000_000_000,
        "Most bytes that the copy of one frozen link holds; 0: nobody makes any.",
        0,
        2**62,
    ),
    Setting(
        "sharing.link.withdraw_hours",
        24,
        "Hours for which visitors can take back what they have sent by a public link.",
        0,
        8760,
    ),
    Setting("sharing.link.expire_default", False, "Public links end after some days unless somebody says otherwise."),
    Setting("sharing.link.expire_enforced", False, "Public links may not end later than that."),
    Setting("sharing.link.expire_days", 7, "After how many days public links end.", 1, 36500),
    Setting(
        "sharing.remote.expire_default",
        False,
        "Shares with people at other sites end after some days unless somebody says otherwise.",
    ),
    Setting("sharing.remote.expire_enforced", False, "Shares with people at other sites may not end later than that."),
    Setting("sharing.remote.expire_days", 7, "After how many days shares with people at other sites end.", 1, 36500),
    Setting("sharing.mail", True, "Tell people by mail what was shared with them, if they want it and mail is set up."),
    Setting("sharing.guests", True, "Let people share with e-mail addresses of people without an account."),
    Setting("sharing.guests_share", False, "Let guests share what others have shared with them, if these allow it."),
    Setting("sharing.guest_domains", [], "Domains of the addresses that can be invited; empty: all."),
    Setting("sharing.guest_blocked_domains", [], "Domains of the addresses that cannot be invited."),
    Setting(
        "sharing.guest_days",
        30,
        "Days after which an invited guest goes with whom nothing is shared; 0: never.",
        0,
        36500,
    ),
    Setting("audit.days", 365, "Days for which it is kept who shared what with whom, and the like.", 1, 36500),
    Setting(
        "notices.mail",
        ["share_received", "share_pending", "share_expires", "link_expires", "quota_nearly_full"],
        "Which notifications go by mail, too, where `mail_host` is set.",
        pattern="share_received|share_pending|share_expires|link_expires|quota_nearly_full",
        form="a kind of notification",
        personal=True,
    ),
    Setting("notices.expire_days", 3, "Days before its end on which a share or link is reminded of; 0: never.", 0, 365),
    Setting(
        "notices.quota_percent", 90, "From which part of a quota on people are warned, in percent; 0: never.", 0, 100
    ),
)

BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}


def spelled(value: Value) -> str:
    """A value as the command line shows and takes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def markdown() -> str:
    """The table of the handbook."""
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{each.name}` | `{spelled(each.default)}` | {each.doc} |" for each in SETTINGS]
    return "\n".join(lines)
