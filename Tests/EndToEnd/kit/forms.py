"""The forms of a page, read as a browser without script would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    action: str
    method: str
    fields: list = field(default_factory=list)  # (name, value, type), in order; hidden ones too
    buttons: list = field(default_factory=list)  # (name, value, label)

    def types(self):
        return {kind for _, _, kind in self.fields}

    def button(self, label):
        for name, value, text in self.buttons:
            if label.lower() in (text or value).lower():
                return name, value
        return None


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.forms = []
        self.title = ""
        self._form = None
        self._button = None
        self._in_title = False

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self._form = Form(given.get("action") or "", (given.get("method") or "get").upper())
            self.forms.append(self._form)
        elif tag == "title":
            self._in_title = True
        elif self._form is None or "disabled" in given:
            return
        elif tag == "input":
            kind = (given.get("type") or "text").lower()
            if kind in ("submit", "image"):
                self._form.buttons.append((given.get("name"), given.get("value", ""), given.get("value", "")))
            elif kind in ("checkbox", "radio"):
                if "checked" in given and given.get("name"):
                    self._form.fields.append((given["name"], given.get("value", "on"), kind))
            elif given.get("name") and kind not in ("button", "reset"):
                self._form.fields.append((given["name"], given.get("value", ""), kind))
        elif tag == "button" and (given.get("type") or "submit").lower() == "submit":
            self._button = [given.get("name"), given.get("value", ""), ""]

    def handle_endtag(self, tag):
        if tag == "form":
            self._form = None
        elif tag == "title":
            self._in_title = False
        elif tag == "button" and self._button and self._form is not None:
            self._form.buttons.append(tuple(part.strip() if part else part for part in self._button))
            self._button = None

    def handle_data(self, data):
        if self._button:
            self._button[2] += data
        elif self._in_title:
            self.title += data


def forms_of(html):
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def title_of(html):
    reader = _Reader()
    reader.feed(html)
    return reader.title.strip()
