"""The tutorial through a real browser, with pictures of every page."""

import pytest
from kit.chromium import Chromium
from kit.people import ALICE
from kit.waiting import until
from selenium.webdriver.common.by import By


@pytest.fixture
def chromium(tmp_path, authority, artifacts):
    browser = Chromium(tmp_path / "chromium", authority.certificate, artifacts / "screenshots")
    yield browser
    browser.close()


def sign_in_at_the_provider(chromium):
    chromium.until(lambda: chromium.driver.find_elements(By.NAME, "login"), "the provider's login form")
    chromium.screenshot("provider-login")
    chromium.fill_in("login", ALICE.name)
    chromium.fill_in("password", ALICE.password)
    return chromium.driver


def test_sign_in_authorize_and_visit(edge, publisher, service, chromium):
    tunnel = publisher.forward(("app.localhost", service.port))

    # The certificate is trusted because its authority is, and for no other reason.
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)

    chromium.until(lambda: chromium.button("Authorize"), "the verify page")
    chromium.screenshot("verify")
    assert driver.current_url.startswith(edge.authenticate)
    assert "SHA256:" in chromium.text and chromium.button("Deny")
    chromium.press("Authorize")
    tunnel.wait_published()
    chromium.until(lambda: not chromium.button("Authorize"), "the success page")
    chromium.screenshot("authorized")

    driver.get(edge.url())
    chromium.sees("Hello world!")
    chromium.screenshot("published")
    assert driver.current_url == edge.url()

    # Script in the page cannot read the edge's cookie.
    assert "_pomerium" not in driver.execute_script("return document.cookie")

    # What a visitor sees when either right ends.
    edge.edit(r"^( {16}is: .*)$", r"\1.typo")
    until(
        lambda: driver.get(edge.url()) or "403" in chromium.text or "not allowed" in chromium.text.lower(),
        "the refusal",
    )
    chromium.screenshot("forbidden")
    edge.edit(r"^( {16}is: .*)\.typo$", r"\1")
    edge.edit(r"^( {18}is: .*)$", r"\1.typo")
    until(
        lambda: driver.get(edge.url()) or "Hello world!" not in chromium.text and "403" not in chromium.text,
        "the page of a tunnel without the right",
    )
    chromium.screenshot("unavailable")
    edge.edit(r"^( {18}is: .*)\.typo$", r"\1")
    until(lambda: driver.get(edge.url()) or "Hello world!" in chromium.text, "the published page again")


def test_deny_ends_the_connection_without_script(edge, publisher, service, chromium):
    chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    tunnel = publisher.forward(("app.localhost", service.port))
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)
    chromium.until(lambda: chromium.button("Deny"), "the verify page")
    chromium.press("Deny")
    assert tunnel.wait() == 255
    assert "denied" in tunnel.output.lower()
    chromium.screenshot("denied")


def test_sign_out_page(edge, publisher, service, chromium):
    tunnel = publisher.forward(("app.localhost", service.port))
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)
    chromium.until(lambda: chromium.button("Authorize"), "the verify page")
    chromium.press("Authorize")
    tunnel.wait_published()
    driver.get(edge.authenticate + "/.pomerium/sign_out")
    chromium.screenshot("sign-out")
    chromium.press("Sign out everywhere")
    chromium.until(lambda: "signed out" in chromium.text.lower(), "the page that says so")
    chromium.screenshot("signed-out")
    tunnel.wait()
