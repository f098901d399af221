import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Pkcs11CommandOptions } from "../cli/index.ts";
import { type LogLevel, MeshError } from "../core/index.ts";
import { serveKeyPlugin } from "../identity/key-plugin/index.ts";
import { openTokenDevice } from "../os/pkcs11/index.ts";
import { createProcessLog } from "./process.ts";

/** Runs `amime key-plugin pkcs11` until its standard input ends; answers with the exit code. */
export async function runPkcs11Plugin(options: Pkcs11CommandOptions): Promise<number> {
	const log = createProcessLog(options.logLevel as LogLevel);
	const device = openTokenDevice({
		module: resolve(options.module),
		token: options.token,
		pin: readPin(options),
		prefix: options.labelPrefix,
	});
	try {
		await serveKeyPlugin({ input: process.stdin, output: process.stdout, device, log });
	} finally {
		await device.close();
	}
	return 0;
}

/** The PIN, of a file or of the environment, which other users of the machine may see. */
function readPin({ pinFile }: Pkcs11CommandOptions): string {
	const given = process.env["AMIME_PIN"];
	delete process.env["AMIME_PIN"];
	if (pinFile === undefined) {
		if (given !== undefined && given !== "") return given;
		throw new MeshError(
			"KEY_PLUGIN_OPTIONS",
			"the token needs a PIN: give --pin-file, or AMIME_PIN in the environment",
		);
	}
	try {
		return readFileSync(resolve(pinFile), "utf8").trimEnd();
	} catch (cause) {
		throw new MeshError("KEY_PLUGIN_OPTIONS", `--pin-file ${pinFile} cannot be read`, { cause });
	}
}
