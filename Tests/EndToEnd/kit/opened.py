"""What is open through a tunnel, read until the edge or the test ends it."""

import threading

from .waiting import until


class Open:
    """Something open through the tunnel; `ended` is set when the edge has ended it."""

    def __init__(self, read, close):
        self.ended = threading.Event()
        self.received = 0
        self.close = close

        def pump():
            try:
                while piece := read():
                    self.received += len(piece)
            except Exception:  # an end is an end, clean or not
                pass
            self.ended.set()

        threading.Thread(target=pump, daemon=True).start()


def open_http(path):
    def opener(visitor, edge):
        link, response = visitor.start("GET", edge.url(path))
        assert response.status == 200
        opened = Open(lambda: response.read1(65536), link.close)
        until(lambda: opened.received > 10, f"the first bytes of {path}")
        return opened

    return opener
