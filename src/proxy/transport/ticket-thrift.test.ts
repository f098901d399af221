import assert from "node:assert/strict";
import { test } from "node:test";
import { TicketThrift } from "./ticket-thrift.ts";

function count(thrift: TicketThrift, handshakes: number): number {
	return Array.from({ length: handshakes }, () => thrift.givesTickets()).filter(Boolean).length;
}

test("tickets are for everybody until many handshakes came without one, then for one in sixteen", () => {
	const thrift = new TicketThrift();
	assert.equal(count(thrift, 256), 256);
	assert.equal(count(thrift, 1600), 100);
});

test("a client that comes back with its ticket makes tickets worth giving again", () => {
	const thrift = new TicketThrift();
	count(thrift, 1000);
	thrift.onReuse();
	assert.equal(count(thrift, 256), 256);
});
