/** Programs out of Debian's packages: downloaded and unpacked, never installed. */
import { execFileSync } from "node:child_process";
import {
	chmodSync,
	existsSync,
	mkdirSync,
	readdirSync,
	realpathSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";

interface DebianProgram {
	readonly package: string;
	/** Its place below the root. */
	readonly program: string;
	/** Where its libraries lie, behind `usr/lib/ARCHITECTURE`. */
	readonly libraryFolders: readonly string[];
	/** Arguments with which it ends well when nothing is missing. */
	readonly probe: readonly string[];
}

/** Unpacks a program with what of its libraries this machine has not.
 *  @returns `CACHE/NAME-debian`, a script that starts it
 *  @throws when a package cannot be had or the program does not start */
export function installDebianProgram(cache: string, name: string, wanted: DebianProgram): string {
	const target = join(cache, `${name}-debian`);
	if (existsSync(target)) return target;
	const root = join(cache, name);
	const plan = execFileSync("apt-get", ["install", "--simulate", "--no-install-recommends", wanted.package], {
		encoding: "utf8",
		stdio: ["ignore", "pipe", "pipe"],
	});
	const missing = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name!);
	const libraries = unpackDebianPackages(root, missing.length === 0 ? [wanted.package] : missing);
	const folders = wanted.libraryFolders.map((folder) => `$here/usr/lib/${libraries}${folder}`);
	const script = `#!/bin/sh
here=$(dirname "$0")/${name}
LD_LIBRARY_PATH=${folders.join(":")} exec "$here/${wanted.program}" "$@"
`;
	writeFileSync(target, script, { mode: 0o755 });
	try {
		execFileSync(target, wanted.probe, { stdio: ["ignore", "ignore", "pipe"] });
	} catch (error) {
		// Tests would take it for one that runs.
		rmSync(target);
		throw error;
	}
	return target;
}

/** Unpacks Debian packages into a folder; apt is used only to download them.
 *  @returns the name of the folder of libraries below `usr/lib` */
export function unpackDebianPackages(root: string, packages: readonly string[]): string {
	rmSync(root, { recursive: true, force: true });
	mkdirSync(root, { recursive: true });
	// As root, apt downloads as another user, who may write here.
	chmodSync(root, 0o777);
	execFileSync("apt-get", ["download", ...packages], {
		cwd: root,
		stdio: ["ignore", "ignore", "pipe"],
		timeout: 300_000,
	});
	for (const name of readdirSync(root)) {
		if (!name.endsWith(".deb")) continue;
		execFileSync("dpkg-deb", ["-x", join(root, name), root]);
		rmSync(join(root, name));
	}
	const libraries = join(root, "usr/lib");
	return (existsSync(libraries) ? readdirSync(libraries) : []).find((name) => name.endsWith("-linux-gnu")) ?? "";
}

/** Takes one file out of a Debian package; nothing is installed.
 *  @param cache where it is unpacked meanwhile */
export function unpackDebianFile(cache: string, name: string, program: string, target: string): void {
	const scratch = join(cache, `${name}-download`);
	rmSync(scratch, { recursive: true, force: true });
	mkdirSync(scratch, { recursive: true });
	// As root, apt downloads as another user, who may write here.
	chmodSync(scratch, 0o777);
	try {
		execFileSync("apt-get", ["download", "--quiet", name], {
			cwd: scratch,
			stdio: ["ignore", "ignore", "pipe"],
			timeout: 120_000,
		});
		const archive = readdirSync(scratch).find((file) => file.endsWith(".deb"));
		if (archive === undefined) throw new Error("apt-get downloaded no package");
		execFileSync("dpkg-deb", ["--extract", join(scratch, archive), scratch], { stdio: ["ignore", "ignore", "pipe"] });
		renameSync(realpathSync(join(scratch, program)), target);
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
}
