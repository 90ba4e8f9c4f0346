"""A visitor: an HTTP/1.1 browser without script. Cookies are kept per host."""

import http.client
import json
import socket
import ssl
from urllib.parse import urlencode, urljoin, urlsplit

from .forms import forms_of, title_of
from .names import address_of


class Response:
    def __init__(self, url, raw, body, history):
        self.url = url
        self.status = raw.status
        self.headers = raw.headers
        self.body = body
        self.history = history  # (status, url) of every redirect on the way

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def title(self):
        return title_of(self.text)

    @property
    def forms(self):
        return forms_of(self.text)

    @property
    def host(self):
        return urlsplit(self.url).hostname

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.url} {self.title or self.text[:300]!r}>"


class Visitor:
    """One browser profile."""

    agent = "Mozilla/5.0 (X11; Linux x86_64) TunnelEdgeTests"

    def __init__(self, certificate_authority=None, timeout=30):
        self.timeout = timeout
        self.certificate_authority = certificate_authority
        self.tls = ssl.create_default_context(cafile=certificate_authority)
        self.jar = {}  # host -> {name: value}

    # Cookies

    def cookie_header(self, host):
        return "; ".join(f"{name}={value}" for name, value in self.jar.get(host, {}).items())

    def _keep_cookies(self, url, headers):
        parts = urlsplit(url)
        for line in headers.get_all("Set-Cookie") or []:
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, _, value = pair.partition("=")
            given = {key.strip().lower(): text.strip() for key, _, text in (a.partition("=") for a in attributes)}
            if name.startswith("__Host-"):
                good = (
                    "secure" in given and given.get("path") == "/" and "domain" not in given and parts.scheme == "https"
                )
                assert good, f"a browser refuses this cookie of {parts.hostname}: {line}"
            jar = self.jar.setdefault(parts.hostname, {})
            if given.get("max-age", "1").lstrip("-") == "0" or given.get("max-age", "").startswith("-") or not value:
                jar.pop(name, None)
            else:
                jar[name] = value

    # Requests

    def connection(self, url, timeout=None):
        """A connection of its own to the host of `url`, for tests that write their requests by hand."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        plain = socket.create_connection((address_of(parts.hostname), port), timeout or self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            return self.tls.wrap_socket(plain, server_hostname=parts.hostname)
        return plain

    def headers_for(self, url, extra=None):
        headers = {"User-Agent": self.agent, "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        if cookies := self.cookie_header(urlsplit(url).hostname):
            headers["Cookie"] = cookies
        headers.update(extra or {})
        return {name: value for name, value in headers.items() if value is not None}

    def start(self, method, url, body=None, headers=None):
        """Sends one request and returns http.client's (connection, response) with the body unread."""
        parts = urlsplit(url)
        link = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)
        link.sock = self.connection(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = self.headers_for(url, headers)
        given.setdefault("Host", parts.netloc)
        link.request(method, target, body, given)
        response = link.getresponse()
        self._keep_cookies(url, response.headers)
        return link, response

    def request(self, method, url, body=None, headers=None, follow=True):
        history = []
        for _ in range(25):
            link, raw = self.start(method, url, body, headers)
            try:
                content = raw.read()
            finally:
                link.close()
            location = raw.headers.get("Location")
            if not (follow and raw.status in (301, 302, 303, 307, 308) and location):
                return Response(url, raw, content, history)
            history.append((raw.status, url))
            url = urljoin(url, location)
            if raw.status in (301, 302, 303):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
                headers = {k: v for k, v in (headers or {}).items() if k.lower() not in ("content-type", "origin")}
        raise AssertionError(f"redirected too often: {history}")

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def status(self, url):
        """The status that a page load ends with; 302 when it ends at the identity provider, who asks to sign in.

        0 when the connection is cut: a right that ends ends what is on its way, too.
        """
        try:
            page = self.get(url)
        except (http.client.HTTPException, ConnectionError):
            return 0
        asked = any(status == 302 for status, _ in page.history) and page.host == "127.0.0.1"
        return 302 if asked else page.status

    def post(self, url, fields=None, body=None, headers=None, **more):
        given = dict(headers or {})
        if fields is not None:
            body = urlencode(fields)
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self.request("POST", url, body, given, **more)

    def submit(self, page, form, values=None, button=None, follow=True):
        """Sends a form of `page` as a browser does: hidden fields as they are, the given ones filled in."""
        filled = [(name, (values or {}).get(name, value)) for name, value, _ in form.fields]
        if button and button[0]:
            filled.append(button)
        target = urljoin(page.url, form.action or page.url)
        if form.method != "POST":
            return self.get(target.split("?")[0] + "?" + urlencode(filled), follow=follow)
        here, there = urlsplit(page.url), urlsplit(target)
        site = "same-origin" if here.netloc == there.netloc else "cross-site"
        headers = {
            "Origin": f"{here.scheme}://{here.netloc}",
            "Referer": page.url,
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        }
        return self.post(target, filled, headers=headers, follow=follow)

    # What a person does

    def sign_in(self, page, user, password):
        """Fills in the provider's login forms, one page after another, until the provider sends us back."""
        provider = urlsplit(page.url).netloc
        for _ in range(6):
            if urlsplit(page.url).netloc != provider:
                return page
            form = next(
                (f for f in page.forms if f.method == "POST" and f.types() & {"text", "email", "password"}), None
            )
            if form is None:  # a consent page has only buttons
                form = next((f for f in page.forms if f.method == "POST" and f.buttons), None)
            assert form is not None, f"no login form on {page!r}:\n{page.text[:2000]}"
            values = {}
            for name, _, kind in form.fields:
                if kind == "password":
                    values[name] = password
                elif kind in ("text", "email"):
                    values[name] = user
            page = self.submit(page, form, values, button=form.button("allow") or form.button("accept"))
        raise AssertionError(f"the provider does not let {user} in: {page!r}\n{page.text[:2000]}")

    def press(self, page, label, follow=True):
        """Presses the button with this label."""
        for form in page.forms:
            if pressed := form.button(label):
                return self.submit(page, form, button=pressed, follow=follow)
        labels = [button for form in page.forms for button in form.buttons]
        raise AssertionError(f"no button {label!r} on {page!r}; there are {labels}\n{page.text[:2000]}")
