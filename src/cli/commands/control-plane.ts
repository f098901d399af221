import type { Command } from "commander";
import { logLevels } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { ControlPlaneCommandOptions } from "../host.ts";
import { createChoiceOption } from "../parse-arguments.ts";
import { withAuthorityOptions } from "./authority-options.ts";

/** `amime control-plane`: configuration, registry, CA, xDS and the admin API in one process. */
export function addControlPlaneCommand(program: Command, context: CliContext): void {
	const command = program
		.command("control-plane")
		.description("run the control plane alone: config, registry, certificate authority, xDS, admin API")
		.option("--config <folder>", "folder with the configuration documents; it is watched")
		.option("--state <folder>", "where certificates and registry are kept (default: ./.amime/<name of config folder>)")
		.option(
			"--xds-address <host:port>",
			"where xDS answers: in plain text on loopback, else over mutual TLS",
			"127.0.0.1:15010",
		)
		.option("--xds-tls-address <host:port>", "where xDS answers over mutual TLS besides, such as 0.0.0.0:15012")
		.option("--admin-address <host:port>", "where the admin API answers", "127.0.0.1:15014")
		.option("--admin-tls", "serve the admin API over TLS, with the mesh's own authority for it and its clients")
		.option("--admin-tls-cert <file>", "serve the admin API over TLS with this certificate")
		.option("--admin-tls-key <file>", "its key")
		.option("--admin-client-ca <file>", "roots of client certificates, whose roles --tokens gives")
		.option(
			"--admin-allow-plaintext",
			"let other machines reach the admin API without TLS: something in front encrypts",
		)
		.option(
			"--tokens <file>",
			"who else may use the admin API: a list of {name, role: viewer|editor|admin} with token, identity (SPIFFE ID) or subject",
		)
		.option(
			"--store <address>",
			"etcd://[user[:password]@]host[:port][,…][/prefix], etcds:// for TLS (default: a file in the state folder)",
		)
		.option("--store-ca <file>", "roots that etcd's certificate must lead to (default: the system's)")
		.option("--store-cert <file>", "certificate shown to etcd")
		.option("--store-key <file>", "its key")
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", logLevels, "info"))
		.action(async (options: ControlPlaneCommandOptions) => {
			context.setExitCode(await context.host.runControlPlane(options));
		});
	withExamples(withAuthorityOptions(command), [
		["amime control-plane --config ./mesh", "serve xDS for the documents in ./mesh"],
		["amime control-plane --store etcd://10.0.0.1,10.0.0.2,10.0.0.3", "one of several control planes on an etcd"],
	]);
}
