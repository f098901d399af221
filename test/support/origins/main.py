# An HTTP/1.1 server of Python's standard library: says its port, then the request id of every request that it takes for one.
import http.server
import threading

lock = threading.Lock()


def say(text):
    with lock:
        print(text, flush=True)


class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        say("seen " + self.headers.get("x-request-id", ""))
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("content-length", 0)))
        body = self.headers.get("x-echo", "").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = do_DELETE = do_PATCH = do_TRACE = answer

    def log_message(self, *_):
        pass

    def log_error(self, *_):
        say("seen")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
print(server.server_port, flush=True)
server.serve_forever()
