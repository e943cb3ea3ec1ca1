"""What can happen to a customer in a month, as bits of a number."""

from __future__ import annotations

from enum import IntFlag


class Event(IntFlag):
    """What happened to a customer in a month.

    `SENT` and what follows it are about the survey of the firm; the shadow survey asks the same
    customers honestly, and `SHADOW_VERBATIM` marks its comments. `ANSWERED` is set before answers
    are deleted.
    """

    ACTIVE = 1 << 0
    CONTACT = 1 << 1
    DODGED = 1 << 2
    GIVEN = 1 << 3
    PROMISED = 1 << 4
    BROKEN = 1 << 5
    FRAME = 1 << 6
    SENT = 1 << 7
    GATED = 1 << 8
    WITHHELD = 1 << 9
    BEGGED = 1 << 10
    BRIBED = 1 << 11
    BRIBE_PAID = 1 << 12
    CONCEDED = 1 << 13
    REFUSED = 1 << 14
    ANSWERED = 1 << 15
    DELETED = 1 << 16
    ALTERED = 1 << 17
    EDIT_LOGGED = 1 << 18
    VERBATIM = 1 << 19
    SHADOW_VERBATIM = 1 << 20
    RECOVERED = 1 << 21
    THANKED = 1 << 22
    CHURNED = 1 << 23
