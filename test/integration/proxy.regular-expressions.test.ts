/** A pattern of the configuration that has many ways to match, and a path that somebody chose so that all of them are tried. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { managerFilter, oneHost, socketAddress } from "../support/bootstraps.ts";
import { sendRequest } from "../support/http-call.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

test("patterns are matched in time that grows with the path alone", async (t) => {
	const patterns = [
		"/a/(?:[a-z]|aa|a)+x",
		"(?i)/B/([A-Z]|aa)+x",
		"/c/(?:(?:a+)+)+x",
		"(?i)/d/(?-i:[a-z]*)*(?:\\w|a)+\\z-",
	];
	const routes = patterns.map((regex) => ({
		match: { safe_regex: { regex } },
		direct_response: { status: 200, body: { inline_string: regex } },
	}));
	const manager = managerFilter({ route_config: oneHost(routes) });
	const proxy = await startProxyProcess(t, "amime", makeTemporaryFolder(t), {
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
		},
	});
	const port = await proxy.port("l");
	for (const letter of ["a", "b", "c", "d"]) {
		assert.equal((await sendRequest({ port, path: `/${letter}/${"a".repeat(2000)}!` })).status, 404, letter);
	}
	assert.deepEqual(
		await Promise.all(["/a/aax", "/b/aAx"].map(async (path) => (await sendRequest({ port, path })).body)),
		patterns.slice(0, 2),
	);
});
