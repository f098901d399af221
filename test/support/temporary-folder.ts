import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A private folder that goes when the test ends; its path is short enough for unix sockets. */
export function makeTemporaryFolder(t: Pick<TestContext, "after">): string {
	const folder = mkdtempSync(join(tmpdir(), "amime-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	return folder;
}
