"""A gRPC client and server for the conformance tests, told what to do by lines of JSON on its input; see ../README.md."""
import json
import sys
from concurrent import futures

import grpc
import grpc.experimental

channels = {}
servers = []


def channel(target, secure):
    if (target, secure) not in channels:
        plain = grpc.experimental.insecure_channel_credentials()
        chosen = grpc.xds_channel_credentials(plain) if secure else plain
        channels[target, secure] = grpc.secure_channel(target, chosen)
    return channels[target, secure]


def call(told):
    method = channel(told["target"], told["secure"]).unary_unary("/amime.test.Echo/" + told["method"])
    results = []
    for _ in range(told["count"]):
        try:
            metadata = tuple(told["headers"].items())
            reply = method(b"hello", timeout=told["timeoutMs"] / 1000, metadata=metadata)
            results.append(reply.decode())
        except grpc.RpcError as error:
            results.append(f"!{error.code().value[0]} {error.details()}")
    return results


def serve(told):
    name = told["name"].encode()
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: name)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), xds=True)
    handlers = {"Echo": handler, "Admin": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("amime.test.Echo", handlers),))
    plain = grpc.insecure_server_credentials()
    server.add_secure_port(told["address"], grpc.xds_server_credentials(plain) if told["secure"] else plain)
    server.start()
    servers.append(server)
    return ["serving"]


for line in sys.stdin:
    command = json.loads(line)
    answers = serve(command) if command["do"] == "serve" else call(command)
    print(json.dumps({"id": command["id"], "results": answers}), flush=True)
