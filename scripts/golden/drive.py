"""Serves the echo backends of a golden folder and sends its observations: one JSON line in, one out. Everything about what an observation
is comes from the folder's own obs.py. Usage: drive.py FOLDER"""
import json, os, sys, threading, traceback
from concurrent.futures import ThreadPoolExecutor
import yaml

folder = os.path.abspath(sys.argv[1])
sys.path.insert(0, folder)
import obs  # noqa: E402

WORLD = [x for x in yaml.safe_load_all(open(os.path.join(folder, "world.yaml"))) if x]
POD = {x["metadata"]["name"]: x for x in WORLD if x["kind"] == "Pod"}
VERSION = {n: x["metadata"]["labels"].get("version") for n, x in POD.items()}
GATEWAYS = {x["metadata"]["labels"]["app"]: [n, None] for n, x in POD.items()}


class Tap:
    """What reached the backends of one observation, told from that of others by its number in x-obs."""
    def __init__(self, shared, number, alone):
        self.shared, self.number, self.alone = shared, number, alone
    def take(self):
        with self.shared.lock:
            mine = [x for x in self.shared.requests if self.owns(x[1])]
            self.shared.requests = [x for x in self.shared.requests if not self.owns(x[1])]
        return mine
    def owns(self, seen):
        numbers = [v for k, v in seen.get("headers", []) if k.lower() == "x-obs"]
        return self.number in numbers if numbers else self.alone


def services(documents):
    return {(x["metadata"]["namespace"], x["metadata"]["name"]): x for x in documents if x and x["kind"] == "Service"}


def main():
    os.setgid(0)
    net = obs.Net()
    backends = obs.start_backends(net, POD)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        known = services(WORLD + task["documents"])
        def send(pair):
            index, q = pair
            number = f"{task['name']}/{index}"
            try:
                return obs.do_request(net, q, number, known, POD, VERSION, Tap(backends, number, task["threads"] == 1), None, GATEWAYS)
            except Exception as e:
                traceback.print_exc()
                return {"error": repr(e)}
        with ThreadPoolExecutor(task["threads"]) as pool:
            print(json.dumps({"observed": list(pool.map(send, enumerate(task["observations"])))}), flush=True)


main()
