"""The tutorial through a real browser, with pictures of every page."""

import pytest
from kit.chromium import Chromium
from kit.people import ALICE
from kit.waiting import PATIENCE, until
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


@pytest.fixture
def chromium(tmp_path, authority, artifacts):
    browser = Chromium(tmp_path / "chromium", authority.certificate, artifacts / "screenshots")
    yield browser
    browser.close()


def wait(chromium, condition, what):
    changing = [StaleElementReferenceException, NoSuchElementException]  # while one page replaces another
    return WebDriverWait(chromium.driver, 20 * PATIENCE, ignored_exceptions=changing).until(condition, what)


def text_of(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def sign_in_at_the_provider(chromium):
    driver = chromium.driver
    login = wait(chromium, lambda d: d.find_elements(By.NAME, "login"), "the provider's login form")[0]
    chromium.screenshot("provider-login")
    login.send_keys(ALICE.name)
    login.submit()
    password = wait(chromium, lambda d: d.find_elements(By.NAME, "password"), "the provider's password form")[0]
    password.send_keys(ALICE.password)
    password.submit()
    return driver


def button(driver, label):
    return next((b for b in driver.find_elements(By.TAG_NAME, "button") if label in b.text and b.is_enabled()), None)


def test_sign_in_authorize_and_visit(edge, publisher, service, chromium):
    tunnel = publisher.forward(("app.localhost", service.port))

    # The certificate is trusted because its authority is, and for no other reason.
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)

    wait(chromium, lambda d: button(d, "Authorize"), "the verify page")
    chromium.screenshot("verify")
    assert driver.current_url.startswith(edge.authenticate)
    assert "SHA256:" in text_of(driver) and button(driver, "Deny")
    button(driver, "Authorize").click()
    tunnel.wait_published()
    wait(chromium, lambda d: not button(d, "Authorize"), "the success page")
    chromium.screenshot("authorized")

    driver.get(edge.url())
    wait(chromium, lambda d: "Hello world!" in text_of(d), "the published page")
    chromium.screenshot("published")
    assert driver.current_url == edge.url()

    # Script in the page cannot read the edge's cookie.
    assert "_pomerium" not in driver.execute_script("return document.cookie")

    # What a visitor sees when either right ends.
    edge.edit(r"^( {16}is: .*)$", r"\1.typo")
    until(
        lambda: driver.get(edge.url()) or "403" in text_of(driver) or "not allowed" in text_of(driver).lower(),
        "the refusal",
    )
    chromium.screenshot("forbidden")
    edge.edit(r"^( {16}is: .*)\.typo$", r"\1")
    edge.edit(r"^( {18}is: .*)$", r"\1.typo")
    until(
        lambda: driver.get(edge.url()) or "Hello world!" not in text_of(driver) and "403" not in text_of(driver),
        "the page of a tunnel without the right",
    )
    chromium.screenshot("unavailable")
    edge.edit(r"^( {18}is: .*)\.typo$", r"\1")
    until(lambda: driver.get(edge.url()) or "Hello world!" in text_of(driver), "the published page again")


def test_deny_ends_the_connection_without_script(edge, publisher, service, chromium):
    chromium.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    tunnel = publisher.forward(("app.localhost", service.port))
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)
    wait(chromium, lambda d: button(d, "Deny"), "the verify page")
    button(driver, "Deny").click()
    assert tunnel.wait() == 255
    assert "denied" in tunnel.output.lower()
    chromium.screenshot("denied")


def test_sign_out_page(edge, publisher, service, chromium):
    tunnel = publisher.forward(("app.localhost", service.port))
    chromium.driver.get(tunnel.sign_in_url())
    driver = sign_in_at_the_provider(chromium)
    wait(chromium, lambda d: button(d, "Authorize"), "the verify page")
    button(driver, "Authorize").click()
    tunnel.wait_published()
    driver.get(edge.authenticate + "/.pomerium/sign_out")
    chromium.screenshot("sign-out")
    out = wait(chromium, lambda d: button(d, "Sign out everywhere"), "the sign-out button")
    out.click()
    wait(chromium, lambda d: "signed out" in text_of(d).lower(), "the page that says so")
    chromium.screenshot("signed-out")
    tunnel.wait()
