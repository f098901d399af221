import assert from "node:assert/strict";
import { test } from "node:test";
import { HandshakeChoice } from "./handshake-choice.ts";

function close(choice: HandshakeChoice, count: number, bytes: number): void {
	for (let index = 0; index < count; index++) choice.onClosed(bytes);
}

test("the library shakes hands until most connections are short, and again when they no longer are", () => {
	const choice = new HandshakeChoice();
	close(choice, 31, 500);
	assert.equal(choice.isOwn, false);
	close(choice, 1, 500);
	assert.equal(choice.isOwn, true);
	close(choice, 20, 1_000_000);
	close(choice, 12, 500);
	assert.equal(choice.isOwn, false);
});
