/** Options about identity: what `amime up` hands on is what the control plane was meant to have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { formatAuthorityArguments, splitCommand, withAuthorityOptions } from "./commands/authority-options.ts";
import type { AuthorityCommandOptions } from "./host.ts";

function parse(args: readonly string[]): AuthorityCommandOptions {
	const command = withAuthorityOptions(new Command().exitOverride());
	command.parse([...args], { from: "user" });
	return command.opts();
}

test("a command is split as a shell would, and one that is in words already stays so", () => {
	assert.deepEqual(splitCommand(["sign --profile 'a b' \"c d\"e"]), ["sign", "--profile", "a b", "c de"]);
	assert.deepEqual(splitCommand(["sign", "a b"]), ["sign", "a b"]);
	assert.deepEqual(splitCommand(["  "]), []);
});

test("every option comes through another command line as it was, paths made absolute", () => {
	const given = [
		...["--agent-address", "127.0.0.1:0", "--attestation", "nodes.yaml", "--key-plugin", "plugin --pin 'a b'"],
		...["--upstream-command", "sign --profile mesh", "--bundle-endpoint", "127.0.0.1:8443"],
		...["--bundle-endpoint-cert", "c.pem", "--bundle-endpoint-key", "c.key", "--federation-ca", "ca.pem"],
		...["--upstream-server", "a:1", "--upstream-server", "b:2", "--upstream-socket", "unix:///run/api.sock"],
	];
	const first = parse(given);
	const second = parse(formatAuthorityArguments(first, (path) => (path.startsWith("/") ? path : `/here/${path}`)));
	assert.deepEqual(second, {
		...first,
		attestation: "/here/nodes.yaml",
		upstreamCommand: ["'sign' '--profile' 'mesh'"],
		upstreamSocket: "/run/api.sock",
		bundleEndpointCert: "/here/c.pem",
		bundleEndpointKey: "/here/c.key",
		federationCa: "/here/ca.pem",
	});
	assert.deepEqual(splitCommand(second.upstreamCommand!), ["sign", "--profile", "mesh"]);
	assert.deepEqual(second.keyPlugin, ["plugin", "--pin", "a b"]);
	assert.deepEqual(
		formatAuthorityArguments(parse([]), (path) => path),
		[],
	);
});
