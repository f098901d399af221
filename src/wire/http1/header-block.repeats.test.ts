import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { HeaderBlock } from "./header-block.ts";

const blocks = [
	"host: a\r\nx-envoy-a: 1\r\n\r\n",
	"host: a\r\nx-tenant: 1\r\nexpect: 100-continue\r\n\r\n",
	"Server: one\r\nDate: now\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\n",
	"Server: one\r\nDate: now\r\nContent-Length: 3\r\nConnection: keep-alive\r\nServer: two\r\n\r\n",
	"content-type: application/grpc\r\nx_y: 1\r\nte: trailers\r\nupgrade: h2c\r\n\r\n",
	"transfer-encoding: chunked\r\ntraceparent: 00-1\r\nreferer: r\r\n\r\n",
	"vary: a\r\nvary: b\r\n\r\n",
	"\r\n",
	"broken\r\n\r\n",
	"cut: off",
];

const joinedNames = new Set(["server", "vary"]);

/** Everything a block says of itself, its two forms at last. */
function describe(block: HeaderBlock) {
	const { host, contentLength, contentLengthCount, transferEncoding, connection, upgrade, expect, te } = block;
	const { hasUnderscore, hasDate, hasTraceParent, hasGrpcType, hasExtension, hasServer, count } = block;
	return {
		...{ host, contentLength, contentLengthCount, transferEncoding, connection, upgrade, expect, te, count },
		...{ hasUnderscore, hasDate, hasTraceParent, hasGrpcType, hasExtension, hasServer },
		...{ passText: block.passText, list: [...block.list] },
	};
}

test("lines that come again are read as if they came for the first time, whatever was taken out of them before", () => {
	const random = createSeededRandom(11);
	const draw = (limit: number): number => Math.floor(random.next() * limit);
	const used = new HeaderBlock(joinedNames);
	let last = 0;
	for (let round = 0; round < 5000; round++) {
		// The same again in most rounds, behind first lines of different lengths.
		last = random.next() < 0.7 ? last : draw(blocks.length);
		const first = "GET /".padEnd(8 + draw(4), "p");
		const text = `${first}\r\n${blocks[last]}${"body".repeat(draw(3))}`;
		const fresh = new HeaderBlock(joinedNames);
		const outcome = fresh.scan(text, first.length + 2, 10);
		assert.equal(used.scan(text, first.length + 2, 10), outcome, text);
		if (outcome !== "complete") continue;
		assert.equal(used.end, fresh.end);
		const change = draw(6);
		for (const block of [used, fresh]) {
			if (change === 1 || change === 2) block.dropServer();
			if (change === 2) assert.equal(block.passText.includes("one"), false);
			if (change === 3) block.drop(["expect", "date"]);
			if (change === 4) block.dropUnderscores();
			if (change === 5) block.list.push("x-added", "1");
		}
		assert.deepEqual(describe(used), describe(fresh), `${text}, change ${change}`);
	}
});
