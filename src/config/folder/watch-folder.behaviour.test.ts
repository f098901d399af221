import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { MeshError, silentLog } from "../../core/index.ts";
import { createLastGoodFiles } from "./last-good-files.ts";
import { type FolderSource, readFolder, watchFolder } from "./watch-folder.ts";

const service = (name: string, port = 80): string =>
	`apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ports: [{ port: ${port} }] }\n`;

async function watched(
	t: TestContext,
	files: Record<string, string>,
): Promise<{ folder: string; source: FolderSource }> {
	const folder = makeTemporaryFolder(t);
	for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
	const source = await watchFolder(folder);
	t.after(() => source.close());
	return { folder, source };
}

const names = (source: FolderSource): string[] =>
	source.current().objects.map((object) => {
		const port = object.kind === "Service" ? object.value.ports[0]?.port : undefined;
		return `${object.name}:${port}`;
	});

test("a saved file is taken over, a new one too, a deleted one removes its objects", async (t) => {
	const { folder, source } = await watched(t, { "a.yaml": service("a") });
	assert.deepEqual(names(source), ["a:80"]);
	writeFileSync(join(folder, "a.yaml"), service("a", 81));
	await eventually(() => assert.deepEqual(names(source), ["a:81"]));
	writeFileSync(
		join(folder, "b.json"),
		JSON.stringify({ apiVersion: "v1", kind: "Service", metadata: { name: "b" }, spec: { ports: [{ port: 1 }] } }),
	);
	await eventually(() => assert.deepEqual(names(source), ["a:81", "b:1"]));
	rmSync(join(folder, "a.yaml"));
	await eventually(() => assert.deepEqual(names(source), ["b:1"]));
});

test("a file in a new folder below is found, in dot-folders and node_modules it is not", async (t) => {
	const { folder, source } = await watched(t, {});
	for (const name of ["deep", "deep/er", ".git", "node_modules"]) mkdirSync(join(folder, name));
	for (const name of [".git/x.yaml", "node_modules/y.yaml", ".z.yaml", "backup.yaml~", "deep/er/w.yml"])
		writeFileSync(join(folder, name), service("found"));
	await eventually(() => assert.deepEqual(names(source), ["found:80"]));
	assert.equal(source.current().files, 1);
	writeFileSync(join(folder, "deep/er/w.yml"), service("found", 81));
	await eventually(() => assert.deepEqual(names(source), ["found:81"]));
});

test("a broken file keeps what it served and reports file, line, field and reason", async (t) => {
	const { folder, source } = await watched(t, { "a.yaml": `${service("a")}---\n${service("b")}` });
	writeFileSync(join(folder, "a.yaml"), `${service("a", 81)}---\n${service("b", 99999)}`);
	await eventually(() => assert.equal(source.current().problems.length, 1));
	assert.deepEqual(names(source).sort(), ["a:81", "b:80"]);
	const [problem] = source.current().problems;
	assert.deepEqual(problem, {
		severity: "error",
		file: join(folder, "a.yaml"),
		line: 9,
		column: 19,
		kind: "Service",
		namespace: "default",
		name: "b",
		path: "spec.ports[0].port",
		problem: "must be a whole number from 1 to 65535, not 99999; the last good version is served",
	});
	writeFileSync(join(folder, "a.yaml"), `: : :\n- [`);
	await eventually(() => assert.match(source.current().problems[0]!.problem, /not valid YAML/));
	assert.deepEqual(names(source).sort(), ["a:81", "b:80"]);
	writeFileSync(join(folder, "a.yaml"), service("b", 82));
	await eventually(() => assert.deepEqual(names(source), ["b:82"]));
	assert.deepEqual(source.current().problems, []);
});

test("an editor's atomic save never makes an object disappear", async (t) => {
	const { folder, source } = await watched(t, { "a.yaml": service("a") });
	const seen = new Set<number>();
	const other = await watchFolder(folder, { onChange: (snapshot) => seen.add(snapshot.objects.length) });
	t.after(() => other.close());
	// As vim does: move the old file away, write a new one, delete the old.
	renameSync(join(folder, "a.yaml"), join(folder, "a.yaml~"));
	writeFileSync(join(folder, "a.yaml"), service("a", 81));
	rmSync(join(folder, "a.yaml~"));
	await eventually(() => assert.deepEqual(names(source), ["a:81"]));
	// As most others do: write beside, rename over.
	writeFileSync(join(folder, ".a.yaml.swp"), service("a", 82));
	renameSync(join(folder, ".a.yaml.swp"), join(folder, "a.yaml"));
	await eventually(() => assert.deepEqual(names(other), ["a:82"]));
	assert.deepEqual([...seen], [1]);
});

test("files behind a link that is swapped are followed, as in a mounted ConfigMap", async (t) => {
	const folder = makeTemporaryFolder(t);
	for (const [version, port] of [
		["..1", 80],
		["..2", 81],
	] as const) {
		mkdirSync(join(folder, version));
		writeFileSync(join(folder, version, "a.yaml"), service("a", port));
	}
	symlinkSync("..1", join(folder, "..data"));
	symlinkSync("..data/a.yaml", join(folder, "a.yaml"));
	const source = await watchFolder(folder);
	t.after(() => source.close());
	assert.deepEqual(names(source), ["a:80"]);
	symlinkSync("..2", join(folder, "..tmp"));
	renameSync(join(folder, "..tmp"), join(folder, "..data"));
	await eventually(() => assert.deepEqual(names(source), ["a:81"]));
});

test("a folder that is replaced is followed at its path", async (t) => {
	const { folder, source } = await watched(t, {});
	mkdirSync(join(folder, "one"));
	writeFileSync(join(folder, "one/a.yaml"), service("a"));
	await eventually(() => assert.deepEqual(names(source), ["a:80"]));
	mkdirSync(join(folder, ".next"));
	writeFileSync(join(folder, ".next/a.yaml"), service("a", 81));
	renameSync(join(folder, "one"), join(folder, ".old"));
	renameSync(join(folder, ".next"), join(folder, "one"));
	await eventually(() => assert.deepEqual(names(source), ["a:81"]));
	writeFileSync(join(folder, "one/a.yaml"), service("a", 82));
	await eventually(() => assert.deepEqual(names(source), ["a:82"]));
});

test("files of other programs are none of ours, a config file that lost its kind is", async (t) => {
	const { folder, source } = await watched(t, {
		"package.json": '{ "name": "shop" }',
		"compose.yml": "services: { web: { image: web } }",
		"a.yaml": service("a"),
	});
	assert.deepEqual(source.current().problems, []);
	writeFileSync(join(folder, "a.yaml"), "metadata: { name: a }\nspec: {}\n");
	await eventually(() => assert.equal(source.current().problems.length, 2));
	assert.deepEqual(names(source), ["a:80"]);
});

test("a file that is no text is a problem of that file alone", async (t) => {
	const { source } = await watched(t, { "a.yaml": service("a") });
	const folder = makeTemporaryFolder(t);
	writeFileSync(join(folder, "a.yaml"), service("a"));
	writeFileSync(join(folder, "b.yaml"), Buffer.from([0xff, 0xfe, 0x41]));
	writeFileSync(join(folder, "c.yaml"), "a: \0");
	const snapshot = await readFolder(folder);
	assert.equal(snapshot.objects.length, source.current().objects.length);
	assert.deepEqual(
		snapshot.problems.map((problem) => problem.problem),
		["the file is not UTF-8: save it as UTF-8", "the file is no text: it has a zero byte"],
	);
});

test("a folder that cannot be read gives one clear error", async (t) => {
	const folder = makeTemporaryFolder(t);
	writeFileSync(join(folder, "file.yaml"), "");
	const fails = (path: string, message: RegExp) =>
		assert.rejects(watchFolder(path), (error) => {
			assert.ok(error instanceof MeshError);
			assert.equal(error.code, "CONFIG_FOLDER_UNREADABLE");
			assert.match(error.message, message);
			return true;
		});
	await fails(join(folder, "absent"), /does not exist/);
	await fails(join(folder, "file.yaml"), /is no folder/);
});

test("a file that may not be read is a problem until it may", {
	skip: process.getuid?.() === 0 && "root reads everything",
}, async (t) => {
	const { folder, source } = await watched(t, { "a.yaml": service("a") });
	chmodSync(join(folder, "a.yaml"), 0);
	await eventually(() => assert.match(source.current().problems[0]!.problem, /cannot be read/));
	assert.deepEqual(names(source), ["a:80"]);
	chmodSync(join(folder, "a.yaml"), 0o600);
	await eventually(() => assert.deepEqual(source.current().problems, []));
});

test("a folder that goes away while it is followed keeps serving and says so", async (t) => {
	const folder = makeTemporaryFolder(t);
	const mesh = join(folder, "mesh");
	mkdirSync(mesh);
	writeFileSync(join(mesh, "a.yaml"), service("a"));
	const source = await watchFolder(mesh, { rescanMs: 50 });
	t.after(() => source.close());
	renameSync(mesh, join(folder, "away"));
	await eventually(() => assert.match(source.current().problems[0]!.problem, /what it served before stays/));
	assert.deepEqual(names(source), ["a:80"]);
	renameSync(join(folder, "away"), mesh);
	writeFileSync(join(mesh, "a.yaml"), service("a", 81));
	await eventually(() => assert.deepEqual(names(source), ["a:81"]));
	assert.deepEqual(source.current().problems, []);
});

test("links that lead in a circle end", async (t) => {
	const folder = makeTemporaryFolder(t);
	writeFileSync(join(folder, "a.yaml"), service("a"));
	symlinkSync(".", join(folder, "loop"));
	const snapshot = await readFolder(folder);
	assert.equal(snapshot.objects.length, 1);
});

test("a file that breaks while nobody watches serves what it last served, until it is good again or gone", async (t) => {
	const folder = makeTemporaryFolder(t);
	const kept = join(makeTemporaryFolder(t), "config");
	const file = join(folder, "a.yaml");
	const start = async (): Promise<FolderSource> => {
		const source = await watchFolder(folder, { lastGood: createLastGoodFiles(kept, silentLog) });
		t.after(() => source.close());
		return source;
	};
	writeFileSync(file, `${service("a")}---\n${service("b")}`);
	await (await start()).close();
	assert.deepEqual(
		readdirSync(kept).map((name) => (statSync(join(kept, name)).mode & 0o777).toString(8)),
		["600"],
	);

	writeFileSync(file, `${service("a", 81)}---\n${service("b").replace("port: 80", "port: many")}`);
	const broken = await start();
	assert.deepEqual(names(broken).sort(), ["a:81", "b:80"]);
	assert.match(broken.current().problems[0]?.problem ?? "", /the last good version is served/);
	await broken.close();

	writeFileSync(file, "not: [yaml");
	const unreadable = await start();
	// What was good beside the broken document is not lost either.
	assert.deepEqual(names(unreadable).sort(), ["a:81", "b:80"]);
	rmSync(file);
	await eventually(() => assert.deepEqual(names(unreadable), []));
	await eventually(() => assert.deepEqual(readdirSync(kept), []));
});
