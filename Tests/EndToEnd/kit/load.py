"""Visitors who never rest."""

import http.client
import threading

from .waiting import until


class Load:
    """Visitors who ask for the page again and again, each request on a connection of its own."""

    def __init__(self, visitor, url, workers=4):
        self.statuses = []
        self.workers = workers
        self.cut = 0  # answers whose head had come when their tunnel went: nobody can ask for them again
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(visitor, url)) for _ in range(workers)]

    def _visit(self, visitor, url):
        while not self._stop.is_set():
            try:
                self.statuses.append(visitor.get(url, follow=False).status)
            except http.client.IncompleteRead:
                self.cut += 1
            except OSError as error:
                self.statuses.append(repr(error))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count):
        target = len(self.statuses) + count
        until(lambda: len(self.statuses) >= target, f"{count} more answers", within=30)
