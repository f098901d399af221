/** Makes the snapshot of V8 that a proxy starts from: its modules, evaluated, with what a start compiles. See docs/adr/0006-bundle.md. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHeap, trimSnapshot } from "./trim-snapshot.ts";
import { createWarmBootstrap } from "./warm-bootstrap.ts";

/** What is made into a snapshot. */
export interface SnapshotOptions {
	/** The entry of the bundle, whose chunks are in it. */
	readonly entry: string;
	/** Further files of the project that are in it. */
	readonly read: readonly string[];
	/** Modules that import commands when they are asked for: a process from the snapshot runs the one that the entry imports. */
	readonly commands: RegExp;
}

/** The snapshot, and what processes map in the place of their copy (src/main/share-snapshot.ts). */
const [snapshotName, sharedName] = ["proxy.blob", "proxy.shared"];

/** Modules of Node that a proxy may load when it runs already: their code stays in the snapshot. */
const keptCode = /^(?:_?http|https|_tls|tls|crypto|internal\/(?:http|tls|crypto|freelist)|zlib)/;

/** As bin/amime has them: V8 takes no code that was compiled with other flags. */
const flags = ["--min-semi-space-size=4"];

/** Makes the snapshot of the bundle in `folder` with the Node that bin/amime starts it with, which alone can read it.
 *  @returns the names of its files; none where it cannot be made, which is told: everything runs without it, a start takes longer */
export function makeSnapshot(root: string, folder: string, options: SnapshotOptions): readonly string[] {
	// As bin/amime looks for it.
	const node = ["node_modules/node/bin/node", "../node/bin/node"].map((path) => join(root, path)).find(existsSync);
	if (node === undefined) return [];
	const work = mkdtempSync(join(tmpdir(), "amime-snapshot-"));
	try {
		const [builder, blob] = [join(work, "builder.cjs"), join(work, "proxy.blob")];
		writeFileSync(builder, composeBuilder(root, folder, options, work));
		run(node, [...flags, "--snapshot-blob", blob, "--build-snapshot", builder]);
		const snapshot = trimSnapshot(readFileSync(blob), keptCode);
		writeFileSync(join(folder, snapshotName), snapshot);
		writeFileSync(join(folder, sharedName), Buffer.concat([Buffer.alloc(16), readHeap(snapshot)]));
		return [snapshotName, sharedName];
	} catch (error) {
		const problem = error instanceof Error ? error.message : String(error);
		process.stderr.write(`no snapshot, a proxy will start from the bundle: ${problem}\n`);
		return [];
	} finally {
		rmSync(work, { recursive: true, force: true });
	}
}

function run(node: string, args: readonly string[]): void {
	const { status, signal, stderr, stdout } = spawnSync(node, args, { encoding: "utf8", timeout: 60_000 });
	if (status !== 0) throw new Error(`node ended with ${signal ?? status}: ${stderr}${stdout}`.trimEnd());
}

/** The program that Node runs: the chunks as functions, and scripts/snapshot-builder.cjs. */
function composeBuilder(root: string, folder: string, { entry, read }: SnapshotOptions, work: string): string {
	const chunks = [...collectChunks(join(folder, "main"), `${entry}.cjs`)].map(
		([name, text]) => `${JSON.stringify(`./${name}`)}: (exports, require, module, addressOf) => {${text}\n}`,
	);
	const programs = read.map(
		(path) =>
			`${JSON.stringify(path)}: ((module) => {${readFileSync(join(root, path), "utf8")}\nreturn module.exports; })({})`,
	);
	const settings = {
		entry,
		folder,
		sharedName,
		bootstrap: JSON.stringify(createWarmBootstrap(1111, 2222, 3333)),
		bootstrapPath: join(work, "bootstrap.json"),
	};
	return [
		'"use strict";',
		`const settings = ${JSON.stringify(settings)};`,
		`const programs = {${programs.join(",\n")}};`,
		`let chunks = {${chunks.join(",\n")}};`,
		readFileSync(join(import.meta.dirname, "snapshot-builder.cjs"), "utf8"),
	].join("\n");
}

/** A chunk and those that it needs at once, without the late ones. */
function collectChunks(folder: string, name: string, found = new Map<string, string>()): Map<string, string> {
	if (found.has(name)) return found;
	const text = readFileSync(join(folder, name), "utf8").replaceAll(
		'require("url").pathToFileURL(__filename).href',
		`addressOf(${JSON.stringify(name)})`,
	);
	if (/\b__(?:filename|dirname)\b/.test(text)) throw new Error(`${name} keeps where it was when the snapshot was made`);
	found.set(name, text);
	// Those behind an arrow or `??=` are loaded when they are used.
	for (const [, needed] of text.matchAll(/(?<!=>|\?\?=)require\("\.\/([^"]+)"\)/g))
		collectChunks(folder, needed!, found);
	return found;
}
