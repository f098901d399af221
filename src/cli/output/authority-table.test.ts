import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAwaited, formatAuthority } from "./authority-table.ts";

test("whom a new root waits for is told in the right number", () => {
	assert.equal(describeAwaited({ live: 0 }), "it signs at once: no proxy is live");
	assert.equal(describeAwaited({ live: 1 }), "it signs when the one live proxy has acknowledged it");
	assert.equal(describeAwaited({ live: 3 }), "it signs when all 3 live proxies have acknowledged it");
	const status = {
		trustDomain: "cluster.local",
		sequence: 2,
		roots: [],
		issuers: [],
		jwtKeys: [],
		missing: [],
		keys: { place: "ca" },
	};
	const head = (live: number) => formatAuthority({ ...status, live } as never).split("\n")[0];
	assert.equal(head(1), "trust domain cluster.local, bundle 2, 1 live proxy");
	assert.equal(head(2), "trust domain cluster.local, bundle 2, 2 live proxies");
});
