"""What can go wrong outside guests."""


class HarnessError(Exception):
    """The harness itself cannot go on: the message is for a person and says what to do next."""


class GuestLost(Exception):
    """A guest ended, hung or ran out of time without saying that it was done."""


class GuestTooSlow(GuestLost):
    """A guest was still at work when all the time was over that it may take."""
