"""An HTTP server with a thread for each connection."""

import sys
import threading
from http.server import ThreadingHTTPServer


class ThreadedServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # many connect at once; beyond this the kernel drops them for a second

    def begin(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Clients of tests go away in the middle of things; all else is told on standard error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
