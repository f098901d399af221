import { type Command, InvalidArgumentError } from "commander";
import type { AuthorityCommandOptions } from "../host.ts";

/** The options about identity that a control plane takes, whether it runs alone or under `amime up`. */
export function withAuthorityOptions(command: Command): Command {
	return command
		.option("--agent-address <host:port>", "where agents attest, over mutual TLS (default: agents are not served)")
		.option("--attestation <file>", "how nodes may attest besides by join tokens: x509pop and kubernetes, in YAML")
		.option(
			"--key-plugin <command>",
			"a program that keeps the authority's new keys, or unix:PATH of one that runs (docs/key-plugins.md; default: files)",
			parseKeyPlugin,
		)
		.option("--upstream-cert <file>", "certificate (and intermediates) of an authority that signs the mesh's issuers")
		.option("--upstream-key <file>", "its key")
		.option("--upstream-roots <file>", "its roots (default: the last certificate, when that is one)")
		.option(
			"--upstream-command <program...>",
			"a program that signs the mesh's issuers, in quotes with its options (docs/identity.md)",
		)
		.option(
			"--upstream-server <host:port...>",
			"agent address of a mesh of the same trust domain that signs this one's issuers (docs/identity.md)",
		)
		.option("--upstream-socket <path>", "Workload API that says who this control plane is in that mesh")
		.option("--bundle-endpoint <host:port>", "publish the trust bundle there, for related trust domains")
		.option("--bundle-endpoint-cert <file>", "certificate of the web for it (default: the mesh's own, https_spiffe)")
		.option("--bundle-endpoint-key <file>", "its key")
		.option("--federation-ca <file>", "roots that https_web endpoints must lead to (default: the system's)");
}

/** The arguments by which another process is given the same options.
 *  @param resolvePath makes a path independent of the working directory */
export function formatAuthorityArguments(
	options: AuthorityCommandOptions,
	resolvePath: (path: string) => string,
): string[] {
	const text: readonly (readonly [string, string | undefined])[] = [
		["--agent-address", options.agentAddress],
		["--attestation", pathOf(options.attestation)],
		["--upstream-cert", pathOf(options.upstreamCert)],
		["--upstream-key", pathOf(options.upstreamKey)],
		["--upstream-roots", pathOf(options.upstreamRoots)],
		["--upstream-socket", pathOf(options.upstreamSocket?.replace(/^unix:(?:\/\/)?/, ""))],
		["--bundle-endpoint", options.bundleEndpoint],
		["--bundle-endpoint-cert", pathOf(options.bundleEndpointCert)],
		["--bundle-endpoint-key", pathOf(options.bundleEndpointKey)],
		["--federation-ca", pathOf(options.federationCa)],
		["--key-plugin", options.keyPlugin && quoteWords(options.keyPlugin)],
		["--upstream-command", options.upstreamCommand && quoteWords(splitCommand(options.upstreamCommand))],
	];
	const servers = (options.upstreamServer ?? []).flatMap((server) => ["--upstream-server", server]);
	return [...servers, ...text.flatMap(([name, value]) => (value === undefined ? [] : [name, value]))];

	function pathOf(path: string | undefined): string | undefined {
		return path === undefined ? undefined : resolvePath(path);
	}
}

/** A program with its arguments: one text is split at blanks that are not in quotes, as a shell would. */
export function splitCommand(given: readonly string[]): string[] {
	if (given.length !== 1) return [...given];
	const words = given[0]!.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
	return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

function parseKeyPlugin(text: string): string[] {
	const words = splitCommand([text]);
	if (words.length === 0)
		throw new InvalidArgumentError("a program with its options, in quotes, or unix:/path/of/a/socket");
	return words;
}

function quoteWords(words: readonly string[]): string {
	return words.map((word) => (word.includes("'") ? `"${word}"` : `'${word}'`)).join(" ");
}
