"""The people of the tests, and what they do in a browser."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    name: str
    email: str
    password: str


ALICE = Person("alice", "alice@example.test", "correct horse battery staple")
BOB = Person("bob", "bob@example.test", "another long enough password")


def approve(tunnel, visitor, person=ALICE):
    """Opens the address that ssh printed, signs in at the provider and presses Authorize."""
    page = browse(visitor, tunnel.sign_in_url(), person)
    assert page.host == "auth.localhost" and page.status == 200, repr(page)
    done = visitor.press(page, "Authorize")
    assert done.status == 200, repr(done)
    return done


def browse(visitor, url, person=ALICE):
    """Opens a page and signs in at the provider when asked."""
    page = visitor.get(url)
    if page.forms and page.host == "127.0.0.1":
        page = visitor.sign_in(page, person.name, person.password)
    return page
