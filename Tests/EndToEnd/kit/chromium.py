"""A real Chromium without a window. It trusts the test's certificate authority the way a person's browser would."""

import contextlib
import os
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import (
    JavascriptException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.chrome.service import Service as DriverService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from .processes import run
from .waiting import PATIENCE

# What a question about an element meets while one page replaces another. chromedriver has an error of its own only for
# some of them; for others it hands on what the browser said.
CHANGING = (StaleElementReferenceException, NoSuchElementException, JavascriptException)
CHANGING_TOO = (
    "does not belong to the document",
    "No node with given id",
    "Could not find node with given id",
    "Node is detached from document",
    "loader has changed while resolving nodes",
    "Cannot find context with specified id",
    "Execution context was destroyed",
    "Inspected target navigated or closed",
    "cannot determine loading status",
    "aborted by navigation",
    "uniqueContextId not found",
)

# Nothing of a page that is still being read: its words may be there before the buttons below them.
SHOWN = "return document.body && document.readyState != 'loading' ? [document.body.innerText] : null"


class Driver(webdriver.Chrome):
    """chromedriver, with one error for an element that went with its page."""

    def execute(self, driver_command, params=None):
        try:
            return super().execute(driver_command, params)
        except WebDriverException as error:
            if not isinstance(error, CHANGING) and any(words in (error.msg or "") for words in CHANGING_TOO):
                raise StaleElementReferenceException(error.msg) from error
            raise


class Chromium:
    def __init__(self, directory, certificate_authority, artifacts):
        self.home = Path(directory)
        self.artifacts = Path(artifacts)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        store = self.home / ".pki" / "nssdb"
        store.mkdir(parents=True)
        for arguments in (
            ["-N", "--empty-password"],
            ["-A", "-t", "C,,", "-n", "end-to-end", "-i", str(certificate_authority)],
        ):
            code, output = run(["certutil", "-d", f"sql:{store}", *arguments])
            assert code == 0, output
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in (
            "--headless=new",
            "--disable-gpu",
            "--window-size=1100,900",
            f"--user-data-dir={self.home}/profile",
            "--no-first-run",
            "--disable-background-networking",
            "--no-proxy-server",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE *.localhost, EXCLUDE localhost",
        ):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # Chromium's sandbox does not start as root
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        self.driver = Driver(options=options, service=DriverService("/usr/bin/chromedriver", env=environment))
        self.driver.set_page_load_timeout(30)
        self._count = 0

    def until(self, condition, what, seconds=20):
        """The first true answer of `condition`, asked again where a page was replaced under its question."""
        try:
            return WebDriverWait(self.driver, seconds * PATIENCE, ignored_exceptions=CHANGING).until(
                lambda _: condition()
            )
        except TimeoutException as error:
            there = f"{self.driver.current_url}\n{self.driver.page_source[:3000]}"
            raise AssertionError(f"waited in vain for {what}; there is {there}") from error

    @property
    def text(self):
        """What the page shows, read in one step: before a second one its elements may be gone."""
        return self.until(lambda: self.driver.execute_script(SHOWN), "a page")[0]

    def sees(self, *words):
        return self.until(lambda: all(word in self.text for word in words), f"the words {words}")

    def button(self, label):
        """The button with this label that can be pressed, or none."""

        def pressable():
            buttons = self.driver.find_elements(By.TAG_NAME, "button")
            return [next((b for b in buttons if label in b.text and b.is_enabled()), None)]

        return self.until(pressable, "the page's buttons")[0]

    def press(self, label):
        def pressed():
            button = self.button(label)
            return button and (button.click() or True)

        self.until(pressed, f"the button {label}")

    def fill_in(self, name, text):
        """Sends the provider's form that has this field; what comes next is for the caller to wait for."""

        def filled():
            field = self.driver.find_element(By.NAME, name)
            field.clear()
            field.send_keys(text)
            return field

        field = self.until(filled, f"the provider's field {name}")
        with contextlib.suppress(*CHANGING):  # the answer may replace the page before chromedriver has looked again
            field.submit()

    def screenshot(self, name):
        self._count += 1
        path = self.artifacts / f"{self._count:02d}-{name}.png"
        self.driver.save_screenshot(str(path))
        return path

    def close(self):
        self.driver.quit()
