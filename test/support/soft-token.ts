import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { findSoftToken } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A token of SoftHSM in a folder of its own. */
export interface SoftToken {
	readonly module: string;
	readonly label: string;
	readonly pin: string;
	readonly pinFile: string;
	/** Where the token lies: whoever moves it away has pulled it out. */
	readonly tokenFolder: string;
	/** What a process needs in its environment to see it. */
	readonly env: Readonly<Record<string, string>>;
}

/** Makes one; only where `findSoftToken` finds it. */
export function createSoftToken(t: Pick<TestContext, "after">, label = "mesh"): SoftToken {
	const peer = findSoftToken()!;
	const folder = makeTemporaryFolder(t);
	const tokenFolder = join(folder, "tokens");
	mkdirSync(tokenFolder);
	const config = join(folder, "softhsm2.conf");
	writeFileSync(config, `directories.tokendir = ${tokenFolder}\nobjectstore.backend = file\nlog.level = ERROR\n`);
	const [module, pin, pinFile] = [join(peer, "libsofthsm2.so"), "4711-4711", join(folder, "pin")];
	writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 });
	const env = { SOFTHSM2_CONF: config };
	const make = ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "0815-0815"];
	execFileSync(join(peer, "softhsm2-util"), ["--module", module, ...make], { env: { ...process.env, ...env } });
	return { module, label, pin, pinFile, tokenFolder, env };
}
