"""A real Chromium without a window. It trusts the test's certificate authority the way a person's browser would."""

import os
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service as DriverService

from .processes import run


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
        self.driver = webdriver.Chrome(options=options, service=DriverService("/usr/bin/chromedriver", env=environment))
        self.driver.set_page_load_timeout(30)
        self._count = 0

    def screenshot(self, name):
        self._count += 1
        path = self.artifacts / f"{self._count:02d}-{name}.png"
        self.driver.save_screenshot(str(path))
        return path

    def close(self):
        self.driver.quit()
