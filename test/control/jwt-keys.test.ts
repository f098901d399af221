/** Servers of keys that send too much, at amime's proxies: what is fetched is bounded, nothing of it is believed, and good keys are when they
 *  come. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { plainCluster } from "../support/call-out-clusters.ts";
import { parseObjects } from "../support/control-mesh.ts";
import { startApplication } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { ordersWorkload, startOrdersProxy, toDocuments, tokensBy } from "../support/orders-workload.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256" };

function makeToken(): string {
	const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
	const text = `${encode({ alg: "ES256", kid: "k" })}.${encode({ iss: "me", sub: "ada", exp: Date.now() / 1000 + 600 })}`;
	return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

/** Says the good key, and then white space without end. @returns how much went out */
function sendForEver(response: ServerResponse): { bytes: number } {
	const sent = { bytes: 0 };
	const more = Buffer.alloc(64 * 1024, " ");
	const send = (): void => {
		while (!response.destroyed) {
			sent.bytes += more.length;
			if (!response.write(more)) break;
		}
	};
	response.on("drain", send);
	response.write(`{"keys":[${JSON.stringify(jwk)}`);
	send();
	return sent;
}

async function startWorld(t: TestContext) {
	let answer: (response: ServerResponse) => void = (response) => void response.writeHead(503).end();
	const keys = createServer((_request, response) => answer(response));
	await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
	t.after(() => keys.close().closeAllConnections());
	const keyPort = (keys.address() as AddressInfo).port;
	const application = await startApplication(t, (_request, response) => void response.end("here"));
	const rules = tokensBy({ issuer: "me", jwksUri: `http://127.0.0.1:${keyPort}/keys` });
	const { port } = await startOrdersProxy(t, "amime", parseObjects(toDocuments(ordersWorkload, rules)), application, {
		clusters: [plainCluster(`jwks|${keyPort}||127.0.0.1`, keyPort)],
	});
	return {
		answerBy(next: (response: ServerResponse) => void): void {
			answer = next;
		},
		ask: async () =>
			(await sendRequest({ port, path: "/", headers: { host: "orders", authorization: `Bearer ${makeToken()}` } }))
				.status,
		askWithout: async () => (await sendRequest({ port, path: "/", headers: { host: "orders" } })).status,
	};
}

test("keys that are too much are fetched to a bound and not believed; good ones are, when they come", async (t) => {
	const { answerBy, ask, askWithout } = await startWorld(t);
	const sent: { bytes: number }[] = [];
	answerBy((response) => void sent.push(sendForEver(response)));
	assert.equal(await ask(), 401);
	await eventually(() => assert.ok(sent.length > 0));
	// A set may have 1 MiB; what is above it fills the buffers of two sockets.
	for (const { bytes } of sent) assert.ok(bytes < 16 * 1024 * 1024, `${bytes} bytes were taken`);
	const bodies: Readonly<Record<string, string>> = {
		"two mebibytes": JSON.stringify({ keys: [jwk], more: "x".repeat(2 * 1024 * 1024) }),
		"a thousand keys and one": JSON.stringify({ keys: Array.from({ length: 1_001 }, () => jwk) }),
		"lists as deep as a well": `{"keys":${"[".repeat(300_000)}${JSON.stringify(jwk)}${"]".repeat(300_000)}}`,
		"a key of lists": JSON.stringify({ keys: [[jwk]] }),
		"a secret that is no public key": JSON.stringify({ keys: [{ kty: "oct", k: "", kid: "k" }] }),
		"the key of somebody else by its name": JSON.stringify({
			keys: [{ ...generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" }), kid: "k" }],
		}),
	};
	for (const [name, body] of Object.entries(bodies)) {
		answerBy((response) => void response.end(body));
		// A fetch from before may answer the first question.
		for (let round = 0; round < 2; round++) assert.equal(await ask(), 401, name);
		assert.equal(await askWithout(), 200, "who shows no token is not stopped by keys");
	}
});

test("a thousand keys are a set, the last of them too", async (t) => {
	const { answerBy, ask } = await startWorld(t);
	const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
	const keys = [...Array.from({ length: 999 }, (_, number) => ({ ...other, kid: `other-${number}` })), jwk];
	answerBy((response) => void response.end(JSON.stringify({ keys })));
	await eventually(async () => assert.equal(await ask(), 200));
});
