import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { readConfigFile } from "./read-config-file.ts";
import { toSignature } from "./scan-folder.ts";

test("a pipe that has taken the place of a file is not waited for", async (t) => {
	const folder = makeTemporaryFolder(t);
	const file = join(folder, "a.yaml");
	writeFileSync(file, "kind: Service\n");
	const signature = toSignature(statSync(file, { bigint: true }));
	assert.equal((await readConfigFile(file, signature))?.text, "kind: Service\n");
	const pipe = join(folder, "b.yaml");
	execFileSync("mkfifo", [pipe]);
	assert.equal(await readConfigFile(pipe, signature), undefined);
});
