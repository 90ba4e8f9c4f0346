"""Chromium, from the sign-in on: a page with all that pages do, and JupyterLab with a kernel."""

import hashlib
import json
import os

import pytest
from kit.chromium import Chromium
from kit.people import ALICE
from kit.waiting import until
from selenium.webdriver.common.by import By


class Person:
    """Somebody at a browser."""

    def __init__(self, chromium, published):
        self.chromium, self.driver, self.published = chromium, chromium.driver, published
        self.driver.set_script_timeout(60)

    def wait(self, condition, what):
        return self.chromium.until(condition, what, seconds=30)

    def open(self, name, path="/"):
        """Opens a page, and signs in when asked; later pages know the session."""
        url = self.published.url(name, path)
        self.driver.get(url)
        if not self.driver.current_url.startswith(self.published.url(name)):
            self.chromium.fill_in("login", ALICE.name)
            self.chromium.fill_in("password", ALICE.password)
            self.wait(lambda: self.driver.current_url.startswith(self.published.url(name)), f"the page of {name}")

    def run(self, call):
        """What a function of the page comes to."""
        return self.driver.execute_script(f"return await {call}")


@pytest.fixture(scope="module")
def person(published, tmp_path_factory, authority, artifacts):
    chromium = Chromium(tmp_path_factory.mktemp("chromium"), authority.certificate, artifacts / "screenshots")
    yield Person(chromium, published)
    chromium.close()


def test_everything_a_page_does(person, published, tmp_path):
    person.open("aiohttp")
    assert person.driver.title == "A page"
    how = person.driver.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert how == "h2"

    code, is_clean, protocol, extensions, told, echo = person.run("socket('x'.repeat(100000))")
    assert (code, is_clean, protocol) == (1000, True, "chat.v1") and "permessage-deflate" in extensions
    assert json.loads(told)["compress"] and echo == "x" * 100_000

    # Three events to a connection: it comes back twice, and goes on where it was.
    assert person.run("events(8)") == [str(number) for number in range(8)]
    pieces, length = person.run("streamed('/trickle?count=40')")
    assert pieces > 10 and length == sum(len(f"{number}\n") for number in range(40))
    told = person.run("upload(50)")
    assert told["size"] == 50 << 20 and told["sha256"] == hashlib.sha256(b"x" * (50 << 20)).hexdigest()
    assert person.run("worker()") == published.url("aiohttp")

    big = tmp_path / "größe.bin"
    big.write_bytes(os.urandom(1 << 20) * 50)
    person.driver.find_element(By.ID, "file").send_keys(str(big))
    person.driver.find_element(By.ID, "send").click()
    person.wait(lambda: person.driver.current_url.endswith("/multipart"), "the answer to the form")
    note, file = json.loads(person.chromium.text)
    assert note["size"] == len("Grüße".encode())
    assert file["file"] == "größe.bin" and file["size"] == 50 << 20
    assert file["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()


def test_a_download(person, published, tmp_path):
    person.open("aiohttp")
    person.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": False}
    )
    person.driver.find_element(By.ID, "download").click()
    file = tmp_path / "€ rates.txt"
    until(file.exists, "the downloaded file")
    assert file.read_bytes() == b"12,34\n"


def test_jupyterlab_computes(person, published):
    """A notebook is opened and a cell is run: its kernel answers over a WebSocket."""
    lab = published.programs["lab"].wait()
    cell = {"cell_type": "code", "execution_count": None, "id": "c", "metadata": {}, "outputs": [], "source": "6*7"}
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (lab.directory / "notebooks" / "sum.ipynb").write_text(json.dumps(notebook))
    person.open("lab", "/lab/tree/sum.ipynb?token=a-token")
    person.wait(lambda: person.driver.find_element(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"), "the notebook")
    person.wait(lambda: "| Idle" in person.chromium.text, "an idle kernel")

    def button():
        run = person.driver.find_element(By.CSS_SELECTOR, "[data-command='notebook:run-cell-and-select-next']")
        return run if run.is_displayed() and run.is_enabled() else None

    person.wait(button, "the button that runs a cell").click()
    result = ".jp-OutputArea-output pre"
    person.wait(lambda: person.driver.find_element(By.CSS_SELECTOR, result).text == "42", "the result")
    person.chromium.screenshot("jupyterlab")
