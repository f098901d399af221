/** The bundle and its launcher: what runs is never older than the sources, and a bundle that is not whole is passed over. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
	appendFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { makeBundle } from "../scripts/make-bundle.ts";

const project = resolve(import.meta.dirname, "..");

/** What a project needs to be bundled and launched: the real launcher, and programs of a few lines. */
const files: Readonly<Record<string, string>> = {
	"src/main/run.ts": `import { word } from "./word.ts"; import { part } from "part"; import { hash } from "node:crypto"; import { seldom } from "./seldom.ts";
		export function run(): void { Object.assign(globalThis, { isRunning: true }); if (process.argv.includes("--seldom")) seldom(); console.log(word, part, !import.meta.url.endsWith(".cjs") ? "sources" : process.execArgv.includes("--snapshot-blob") ? "snapshot" : "bundle", hash("md5", "").slice(0, 4)); }`,
	"src/main/word.ts": `import { made } from "./gen/made.ts"; import { empty } from "./gone.ts"; export const word: string = "one…" + made + empty;`,
	"src/main/seldom.ts": `import { word } from "./word.ts"; const loaded = "isRunning" in globalThis ? "late" : "at once";
		export function seldom(): void { console.log(word, "loaded", loaded); }`,
	"src/main/snapshot.ts": `import { run } from "./run.ts";
		export { runOther } from "./commands.ts";
		export async function rehearse(write: (listen: number, upstream: number) => string) { write(1, 2); }
		export async function prepare() { clearTimeout(setTimeout(() => {}, 5)); const timer = setTimeout(() => {}, 1_500); timer.unref(); clearTimeout(timer); }
		export const runShared = () => { run(); if (process.argv.includes("--later")) setTimeout(() => console.log("later"), 1_500); };`,
	"src/main/amime.ts": `import { run } from "./run.ts"; run();`,
	"src/main/commands.ts": `export const runOther = async (): Promise<void> => (await import("./other.ts")).runOther();`,
	"src/main/other.ts": `export function runOther(): void { console.log("other"); }`,
	"src/main/thread.ts": `console.log("thread");`,
	"src/main/gone.ts": `export const unused = 1; export const empty = "";`,
	"src/main/gen/made.ts": `export const made = "";`,
	"src/main/gen/stamp.bin": "1",
	"node_modules/part/package.json": `{ "name": "part", "version": "1.0.0", "type": "module", "exports": "./index.js" }`,
	"node_modules/part/index.js": `export const part = "part";`,
	"package.json": `{ "type": "module" }`,
};

async function createProject(t: TestContext, hasSnapshot = false): Promise<string> {
	const root = mkdtempSync(join(tmpdir(), "amime-bundle-"));
	t.after(() => rmSync(root, { recursive: true, force: true }));
	for (const [path, text] of Object.entries(files)) write(root, path, text);
	cpSync(join(project, "bin"), join(root, "bin"), { recursive: true });
	mkdirSync(join(root, "node_modules/node/bin"), { recursive: true });
	symlinkSync(process.execPath, join(root, "node_modules/node/bin/node"));
	// Sources that were written just now would look as if they had changed while the bundle was made.
	for (const path of [...Object.keys(files), "bin/check-bundle.cjs"]) utimesSync(join(root, path), 1e9, 1e9);
	await bundle(root, hasSnapshot);
	return root;
}

async function bundle(root: string, hasSnapshot = false): Promise<void> {
	await makeBundle({
		root,
		entries: { run: "src/main/run.ts", snapshot: "src/main/snapshot.ts", thread: "src/main/thread.ts" },
		assets: { "stamp.bin": "src/main/gen/stamp.bin" },
		stamps: { "src/main/gen": "src/main/gen/stamp.bin" },
		late: [[/^src\/main\/(seldom)\.ts$/, "$1"]],
		...(hasSnapshot && {
			snapshot: { entry: "snapshot", read: ["bin/check-bundle.cjs"], commands: /^src\/main\/commands/ },
		}),
	});
}

function write(root: string, path: string, text: string): void {
	mkdirSync(dirname(join(root, path)), { recursive: true });
	writeFileSync(join(root, path), text);
}

function launch(root: string, ...args: string[]): { readonly out: string; readonly error: string } {
	const { stdout, stderr } = spawnSync(process.execPath, [join(root, "bin/launch.cjs"), ...args], { encoding: "utf8" });
	return { out: stdout.trim(), error: stderr };
}

/** As users start a proxy: from the snapshot, when there is a good one. */
function startProxy(root: string, ...args: string[]): { readonly out: string; readonly error: string } {
	const { stdout, stderr } = spawnSync(join(root, "bin/amime"), ["proxy", ...args], { encoding: "utf8" });
	return { out: stdout.trim(), error: stderr };
}

const fromSources = "sources d41d";

test("a bundle as new as its sources runs, and nothing is said", async (t) => {
	const root = await createProject(t);
	assert.deepEqual(launch(root), { out: "one… part bundle d41d", error: "" });
	const chunk = readFileSync(join(root, "dist/main/run.cjs"), "latin1");
	assert.match(chunk, /\\u2026/, "the text of a chunk is ASCII, which takes half the memory");
});

test("a proxy of one worker starts from the snapshot, wherever the project lies", async (t) => {
	const root = await createProject(t, true);
	assert.deepEqual(startProxy(root), { out: "one… part snapshot d41d", error: "" });
	assert.equal(startProxy(root, "--concurrency", "1").out, "one… part snapshot d41d");
	assert.equal(startProxy(root, "--seldom").out, "one… loaded late\none… part snapshot d41d");
	// Node cannot start threads from a snapshot with sockets.
	for (const args of [["--concurrency=2"], ["--concurrency", "1", "--concurrency", "2"]]) {
		assert.equal(startProxy(root, ...args).out, "one… part bundle d41d");
	}
	// Whatever timers were called off while the snapshot was made.
	assert.equal(startProxy(root, "--later").out, "one… part snapshot d41d\nlater");
	const moved = `${root}-moved`;
	t.after(() => rmSync(moved, { recursive: true, force: true }));
	renameSync(root, moved);
	assert.equal(startProxy(moved, "--seldom").out, "one… loaded late\none… part snapshot d41d");
});

test("the product has a snapshot: nothing that a plain start needs is a late part", (t) => {
	if (!existsSync(join(project, "dist/manifest.json"))) {
		t.skip("the product is not bundled: npm run bundle");
		return;
	}
	assert.ok(existsSync(join(project, "dist/proxy.blob")), "npm run bundle says what a plain start asked for");
});

test("a snapshot that is older than a source, damaged, or not of this Node is not used", async (t) => {
	const blob = "dist/proxy.blob";
	const changes: readonly [string, RegExp, (root: string) => void][] = [
		[
			`two… part ${fromSources}`,
			/^amime: src\/main\/word\.ts changed since/,
			(root) => write(root, "src/main/word.ts", `export const word: string = "two…";`),
		],
		[
			`one… part ${fromSources}`,
			/^amime: bin\/check-bundle\.cjs changed since/,
			(root) => appendFileSync(join(root, "bin/check-bundle.cjs"), "// changed\n"),
		],
		[
			`one… part ${fromSources}`,
			/^amime: dist\/proxy\.blob of the bundle is damaged: /,
			(root) => truncateSync(join(root, blob), 100_000),
		],
		[
			"one… part bundle d41d",
			/^$/,
			(root) => writeFileSync(join(root, blob), Buffer.alloc(readFileSync(join(root, blob)).length)),
		],
		["one… part bundle d41d", /^$/, (root) => utimesSync(join(root, blob), 1e9, 1e9)],
		// No proxy runs it.
		["one… part snapshot d41d", /^$/, (root) => write(root, "src/main/other.ts", "changed")],
	];
	const made = await createProject(t, true);
	for (const [index, [out, error, change]] of changes.entries()) {
		const root = `${made}-${index}`;
		t.after(() => rmSync(root, { recursive: true, force: true }));
		cpSync(made, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
		change(root);
		const said = startProxy(root);
		assert.equal(said.out, out);
		assert.match(said.error, error);
		assert.ok(said.error.trim().split("\n").length === 1, said.error);
	}
});

test("a late part of the bundle is loaded when something of it is used", async (t) => {
	const root = await createProject(t);
	assert.ok(readdirSync(join(root, "dist/main")).some((name) => name.startsWith("late-seldom")));
	assert.equal(launch(root).out, "one… part bundle d41d");
	assert.equal(launch(root, "--seldom").out, "one… loaded late\none… part bundle d41d");
});

test("what chunks give each other are values, not calls, but for what changes", async (t) => {
	const root = await createProject(t);
	write(
		root,
		"src/main/word.ts",
		`export const word: string = "one"; export let uses = 0; export function use(): void { uses++; }`,
	);
	write(
		root,
		"src/main/seldom.ts",
		`import { use, uses, word } from "./word.ts"; export function seldom(): void { use(); use(); console.log(word, uses); }`,
	);
	for (const path of ["src/main/word.ts", "src/main/seldom.ts"]) utimesSync(join(root, path), 1e9, 1e9);
	await bundle(root);
	assert.match(launch(root, "--seldom").out, /^one 2\n/);
	const folder = join(root, "dist/main");
	const chunks = readdirSync(folder).filter((name) => name.endsWith(".cjs"));
	const text = chunks.map((name) => readFileSync(join(folder, name), "latin1")).join("");
	assert.equal(text.match(/defineProperty\(exports,"/g)?.length, 1, text);
});

test("processes of the bundle before an upgrade in place still find their late parts, those of older ones do not stay", async (t) => {
	const root = await createProject(t);
	const listLate = (): string[] =>
		readdirSync(join(root, "dist/main")).filter((name) => name.startsWith("late-seldom"));
	const change = async (text: string): Promise<void> => {
		write(root, "src/main/seldom.ts", `export function seldom(): void { console.log("${text}"); }`);
		utimesSync(join(root, "src/main/seldom.ts"), 1e9, 1e9);
		await bundle(root);
	};
	const [first = ""] = listLate();
	await change("second");
	assert.equal(listLate().length, 2);
	assert.ok(listLate().includes(first));
	assert.equal(launch(root, "--seldom").out, "second\none… part bundle d41d");
	await change("third");
	assert.deepEqual([listLate().length, listLate().includes(first)], [2, false]);
});

test("a changed source runs in place of the bundle, and one line says which", async (t) => {
	const root = await createProject(t);
	write(root, "src/main/word.ts", `export const word: string = "two…";`);
	const { out, error } = launch(root);
	assert.equal(out, `two… part ${fromSources}`);
	assert.equal(
		error,
		"amime: src/main/word.ts changed since the bundle was made: running the sources, which takes longer to start; npm run bundle makes it anew\n",
	);
});

test("a source with another time and the same content is no change: copies and checkouts keep their bundle", async (t) => {
	const root = await createProject(t);
	utimesSync(join(root, "src/main/word.ts"), 2e9, 2e9);
	assert.match(launch(root).out, /bundle/);
});

test("a source that is gone, another version of a package and newly generated code are changes", async (t) => {
	const manifest = "node_modules/part/package.json";
	const changes: readonly [RegExp, (root: string) => void][] = [
		[
			/^amime: node_modules\/part\/package\.json changed/,
			(root) => write(root, manifest, files[manifest]!.replace("1.0.0", "1.0.1")),
		],
		[/^amime: src\/main\/gen\/stamp\.bin changed/, (root) => write(root, "src/main/gen/stamp.bin", "2")],
		[/^amime: src\/main\/gone\.ts is gone/, (root) => rmSync(join(root, "src/main/gone.ts"))],
	];
	for (const [message, change] of changes) {
		const root = await createProject(t);
		change(root);
		assert.match(launch(root).error, message);
	}
});

test("a bundle that is missing or damaged is passed over with one line", async (t) => {
	const damages: readonly [RegExp, (root: string) => void][] = [
		[/^amime: there is no whole bundle: /, (root) => rmSync(join(root, "dist"), { recursive: true })],
		[/^amime: the bundle's manifest is damaged /, (root) => write(root, "dist/manifest.json", "{")],
		[
			/^amime: dist\/main\/run\.cjs of the bundle is damaged: /,
			(root) => write(root, "dist/main/run.cjs", "exports.run="),
		],
		[
			/^amime: the bundle does not load /,
			(root) => {
				const path = "dist/main/run.cjs";
				write(root, path, "}".repeat(readFileSync(join(root, path)).length));
			},
		],
	];
	for (const [message, damage] of damages) {
		const root = await createProject(t);
		damage(root);
		const { out, error } = launch(root);
		assert.equal(out, `one… part ${fromSources}`);
		assert.match(error, message);
		assert.equal(error.trim().split("\n").length, 1, error);
	}
});

test("a thread that is no entry of the bundle is a mistake that bundling names", async (t) => {
	const root = await createProject(t);
	write(root, "src/main/run.ts", `export function run() { new Worker(new URL("./other.ts", import.meta.url)); }`);
	await assert.rejects(
		makeBundle({ root, entries: { run: "src/main/run.ts" }, assets: {}, stamps: {}, late: [] }),
		/starts other\.ts, which is no entry of the bundle/,
	);
});

test("bin/amime runs by any link to it, without a Node on PATH", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "amime-bin-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	symlinkSync(join(project, "bin/amime"), join(folder, "amime"));
	const out = execFileSync(join(folder, "amime"), ["--version"], { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } });
	const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string };
	assert.equal(out.trim(), version);
});
