"""A stock SPIFFE client, the Python package spiffe, as the tests talk to it: one question, one line of JSON."""

import json
import sys
import threading

from spiffe import SpiffeId, WorkloadApiClient


def describe(context):
    return {"svids": [{"id": str(svid.spiffe_id)} for svid in context.x509_svids]}


def describe_update(context):
    bundles = context.x509_bundle_set.bundles
    return {
        **describe(context),
        "serials": [format(svid.leaf.serial_number, "x") for svid in context.x509_svids],
        "bundles": {str(b.trust_domain.name): len(b.x509_authorities) for b in bundles},
    }


def count_keys(bundles):
    return {"bundles": {str(b.trust_domain.name): len(b.jwt_authorities) for b in bundles}}


def say(value):
    print(json.dumps(value), flush=True)


def run(command, args):
    client = WorkloadApiClient()
    if command == "x509":
        say(describe(client.fetch_x509_context()))
    elif command == "watch-x509":
        client.stream_x509_contexts(
            lambda context: say(describe_update(context)),
            lambda error: say({"error": str(error)}),
        )
        threading.Event().wait(60)
    elif command == "watch-jwt-bundles":
        client.stream_jwt_bundles(
            lambda bundles: say(count_keys(bundles.bundles)),
            lambda error: say({"error": str(error)}),
        )
        threading.Event().wait(60)
    elif command == "x509-bundles":
        bundles = client.fetch_x509_bundles().bundles
        say({"bundles": {str(b.trust_domain.name): len(b.x509_authorities) for b in bundles}})
    elif command == "jwt":
        subject = SpiffeId(args[1]) if len(args) > 1 else None
        svid = client.fetch_jwt_svid(audience={args[0]}, subject=subject)
        say({"svids": [{"id": str(svid.spiffe_id), "token": svid.token}]})
    elif command == "jwt-bundles":
        say(count_keys(client.fetch_jwt_bundles().bundles))
    elif command == "validate":
        say({"id": str(client.validate_jwt_svid(token=args[1], audience=args[0]).spiffe_id)})


try:
    run(sys.argv[1], sys.argv[2:])
except Exception as error:  # every refusal of the library is an answer
    say({"error": str(error)})
