"""Stars for each product. HTTP/1.1 with keep-alive, on loopback, until SIGTERM."""
import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARS = {"1": 5, "2": 4, "3": 3}
NAME = os.environ.get("AMIME_INSTANCE", "ratings")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes; without this the second one waits for the peer's delayed acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path == "/healthz":
            self.send_json(200, {"status": "ok"})
        elif self.path.startswith("/ratings/"):
            product = self.path.removeprefix("/ratings/")
            self.send_json(200, {"stars": STARS.get(product, 0), "servedBy": NAME})
        else:
            self.send_json(404, {"error": f"ratings has no GET {self.path}"})

    def send_json(self, status, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"ratings listens on port {server.server_port}", flush=True)
server.serve_forever()
server.server_close()
