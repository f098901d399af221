import type { Command } from "commander";
import { logLevels } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { Pkcs11CommandOptions } from "../host.ts";
import { createChoiceOption } from "../parse-arguments.ts";

/** `amime key-plugin pkcs11`: a key plugin for devices behind a PKCS #11 module. */
export function addKeyPluginCommand(program: Command, context: CliContext): void {
	const group = program
		.command("key-plugin")
		.description("programs that keep the authority's keys outside of the control plane, for its --key-plugin");
	const command = group
		.command("pkcs11")
		.description("keep keys on a token behind a PKCS #11 module: they are made there and never leave it")
		.requiredOption("--module <file>", "the module, such as /usr/lib/softhsm/libsofthsm2.so")
		.requiredOption("--token <label>", "label of the token")
		.option("--pin-file <file>", "file with the user's PIN (default: the environment's AMIME_PIN)")
		.option("--label-prefix <text>", "begins the labels of this mesh's keys on the token", "amime/")
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", logLevels, "warn"))
		.action(async (options: Pkcs11CommandOptions) => {
			context.setExitCode(await context.host.runPkcs11Plugin(options));
		});
	for (const shown of [group, command])
		withExamples(shown, [
			[
				"amime control-plane --key-plugin 'amime key-plugin pkcs11 --module /usr/lib/softhsm/libsofthsm2.so --token mesh --pin-file pin'",
				"root, issuer and token keys on a token",
			],
		]);
}
