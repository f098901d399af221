import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog } from "../../core/index.ts";
import { clusterType } from "../../xds/client/index.ts";
import { createLastGood } from "./last-good.ts";

function open(t: TestContext) {
	const folder = makeTemporaryFolder(t);
	const clock = createFakeClock();
	const lastGood = createLastGood({ folder, nodeId: "n", list: () => [], clock, log: silentLog });
	return { folder, path: join(folder, "resources.json"), clock, lastGood };
}

const good = { version: 1, nodeId: "n", resources: { [clusterType]: [{ name: "c", version: "1", value: "AA==" }] } };

test("what was kept is read again", (t) => {
	const { lastGood, path } = open(t);
	writeFileSync(path, JSON.stringify(good));
	assert.deepEqual(lastGood.load()?.get(clusterType), [{ name: "c", version: "1", value: Buffer.of(0) }]);
});

for (const [what, text] of Object.entries({
	"an empty file": "",
	"half a file": JSON.stringify(good).slice(0, 60),
	zeroes: "\0".repeat(500),
	null: "null",
	"a list": "[]",
	"resources that are nothing": JSON.stringify({ ...good, resources: null }),
	"resources that are a list": JSON.stringify({ ...good, resources: [1] }),
	"a type that is no list": JSON.stringify({ ...good, resources: { [clusterType]: {} } }),
	"a resource that is nothing": JSON.stringify({ ...good, resources: { [clusterType]: [null] } }),
	"a resource without a name": JSON.stringify({ ...good, resources: { [clusterType]: [{ version: "1", value: "" }] } }),
	"a resource of a number": JSON.stringify({
		...good,
		resources: { [clusterType]: [{ name: "c", version: "1", value: 7 }] },
	}),
	"another format": JSON.stringify({ ...good, version: 2 }),
	"another node's": JSON.stringify({ ...good, nodeId: "m" }),
})) {
	test(`${what} is not used, and does no harm`, (t) => {
		const { lastGood, path } = open(t);
		writeFileSync(path, text);
		assert.equal(lastGood.load(), undefined);
	});
}

test("a pipe in the place of the file is not waited for", (t) => {
	const { lastGood, path } = open(t);
	execFileSync("mkfifo", [path]);
	assert.equal(lastGood.load(), undefined);
});

test("what stands in the way of a save does no harm", (t) => {
	const { lastGood, path, clock } = open(t);
	mkdirSync(join(`${path}.next`, "folder"), { recursive: true });
	lastGood.changed();
	clock.advance(1000);
	lastGood.changed();
	lastGood.flush();
});
