/** Who may do what through the admin API, and who did. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createControlPlane } from "../../src/control/index.ts";
import { MeshError, silentLog } from "../../src/core/index.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const tokens = `
- {name: vic, role: viewer, token: viewer-token-0123}
- {name: ed, role: editor, token: editor-token-0123}
- {name: ada, role: admin, token: administrator-0123}
`;

async function start(t: TestContext, text: string, mode = 0o600) {
	const folder = makeTemporaryFolder(t);
	const tokensFile = join(folder, "tokens.yaml");
	writeFileSync(tokensFile, text);
	chmodSync(tokensFile, mode);
	const plane = createControlPlane({
		stateFolder: join(folder, "state"),
		xdsAddress: "127.0.0.1:0",
		adminAddress: "127.0.0.1:0",
		token: "owner-token",
		tokensFile,
		log: silentLog,
	});
	t.after(() => plane.close());
	await plane.start();
	return (token: string, method: string, path: string, body?: string) =>
		sendRequest({
			port: plane.adminPort,
			method,
			path,
			headers: { authorization: `Bearer ${token}` },
			...(body !== undefined && { body }),
		});
}

const service = (port: number): string =>
	`{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {ports: [{name: http, port: ${port}}]}}`;

test("a viewer looks, an editor changes, an admin does everything, and the history names them", async (t) => {
	const ask = await start(t, tokens);
	const statuses = async (method: string, path: string, body?: string): Promise<number[]> => {
		const answers = [];
		for (const token of ["viewer-token-0123", "editor-token-0123", "administrator-0123", "owner-token", "another"])
			answers.push((await ask(token, method, path, body)).status);
		return answers;
	};
	assert.deepEqual(await statuses("GET", "/v1/config"), [200, 200, 200, 200, 401]);
	assert.deepEqual(await statuses("PUT", "/v1/config", service(80)), [403, 200, 200, 200, 401]);
	assert.deepEqual(await statuses("POST", "/v1/identity/sign", "{}"), [403, 403, 400, 400, 401]);
	assert.deepEqual(await statuses("POST", "/v1/rollback/99"), [403, 400, 400, 400, 401]);
	const refused = await ask("viewer-token-0123", "DELETE", "/v1/config/Service/shop/a");
	assert.match(refused.body, /'vic' is viewer, this takes editor/);

	await ask("administrator-0123", "PUT", "/v1/config", service(81));
	const { items } = JSON.parse((await ask("viewer-token-0123", "GET", "/v1/history")).body) as {
		items: { revision: number; author: string; changes: unknown[] }[];
	};
	assert.deepEqual(
		items.map(({ author, changes }) => [author, changes]),
		[
			["ada", [{ kind: "Service", namespace: "shop", name: "a", result: "configured" }]],
			["ed", [{ kind: "Service", namespace: "shop", name: "a", result: "created" }]],
		],
	);
	const undone = await ask("editor-token-0123", "POST", `/v1/rollback/${items[1]!.revision}`);
	assert.equal(undone.status, 200, undone.body);
	assert.match((await ask("owner-token", "GET", "/v1/config?kind=Service")).body, /"port":80[^0-9]/);
});

test("what a Secret held is not in the history", async (t) => {
	const ask = await start(t, tokens);
	const secret = `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, type: Opaque, stringData: {password: planted-secret}}`;
	assert.equal((await ask("owner-token", "PUT", "/v1/config", secret)).status, 200);
	const { items } = JSON.parse((await ask("owner-token", "GET", "/v1/history")).body) as {
		items: { revision: number }[];
	};
	const entry = await ask("owner-token", "GET", `/v1/history/${items[0]!.revision}`);
	assert.match(entry.body, /"kind":"Secret"/);
	assert.doesNotMatch(entry.body, /planted-secret/);
});

test("a file of tokens that is wrong stops the start with every problem and no token", async (t) => {
	const refusal = async (text: string, mode?: number): Promise<string> => {
		try {
			await start(t, text, mode);
		} catch (error) {
			assert.ok(error instanceof MeshError, String(error));
			assert.equal(error.code, "TOKENS_INVALID");
			return error.message;
		}
		return "taken";
	};
	assert.match(await refusal(tokens, 0o644), /others may read it: chmod 600/);
	assert.match(await refusal("{name: a}"), /it is no list/);
	assert.match(await refusal("- {name: a, role: viewer, token: [secret-0123456789"), /no YAML/);
	const wrong = await refusal(
		"- {name: '', role: king, token: short}\n- {name: '', role: viewer, token: planted-token-0123}",
	);
	assert.match(wrong, /\[0\]\.name.*\[0\]\.role.*\[0\]\.token.*\[1\]\.name: '' is there twice/);
	assert.doesNotMatch(wrong, /planted/);
});

test("a rollout is begun and decided by editors, not of objects of the folder, and its Secrets are told to nobody", async (t) => {
	const ask = await start(t, tokens);
	const post = (token: string, path: string, body?: string) => ask(token, "POST", path, body);
	assert.equal((await post("viewer-token-0123", "/v1/rollouts", service(80))).status, 403);
	const unknown = await post("editor-token-0123", "/v1/rollouts?step=10", service(80));
	assert.deepEqual([unknown.status, /QUERY_INVALID.*known are steps/.test(unknown.body)], [400, true]);
	assert.equal((await post("editor-token-0123", "/v1/rollouts", "kind: Servcie")).status, 422);
	assert.equal((await post("editor-token-0123", "/v1/rollouts/r-0/abort")).status, 404);
	const secret = `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, type: Opaque, stringData: {password: planted-secret}}`;
	const begun = await post("editor-token-0123", "/v1/rollouts?steps=10", secret);
	assert.equal(begun.status, 200, begun.body);
	const { rollout } = JSON.parse(begun.body) as { rollout: { id: string; author: string } };
	assert.equal(rollout.author, "ed");
	// Nobody is connected: there is nobody to try it on.
	await eventually(async () =>
		assert.match((await ask("viewer-token-0123", "GET", `/v1/rollouts/${rollout.id}`)).body, /"state":"completed"/),
	);
	assert.equal((await post("editor-token-0123", `/v1/rollouts/${rollout.id}/promote`)).status, 409);
	const again = await post("editor-token-0123", "/v1/rollouts", secret);
	assert.deepEqual([again.status, /rollout/.test(again.body), /"unchanged"/.test(again.body)], [200, false, true]);
	const list = await ask("viewer-token-0123", "GET", "/v1/rollouts");
	assert.doesNotMatch(begun.body + list.body, /planted-secret/);
});
