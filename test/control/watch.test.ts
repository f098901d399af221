/** Following the applied objects by revision. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createWatchEndpoint } from "../../src/control/admin/index.ts";
import { systemClock } from "../../src/core/index.ts";
import { createConfigStore, openSqliteStore } from "../../src/registry/index.ts";
import { startControlPlane } from "../support/control-plane.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const service = (name: string, port: number): string => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [{name: http, port: ${port}}]}
`;

interface Answer {
	readonly revision: number;
	readonly items?: readonly { readonly name: string }[];
	readonly events?: readonly {
		readonly type: string;
		readonly kind: string;
		readonly name: string;
		readonly document?: object;
	}[];
	readonly error?: { readonly code: string };
}

test("who follows by revision sees every change once, in order, with deletions, and waits for the next", async (t) => {
	const control = await startControlPlane(t, "");
	const get = async (query: string): Promise<Answer> =>
		JSON.parse((await control.admin("GET", `/v1/watch${query}`)).body) as Answer;
	await control.admin("PUT", "/v1/config", service("one", 80));
	const first = await get("");
	assert.deepEqual(
		first.items?.map(({ name }) => name),
		["one"],
	);
	assert.deepEqual(await get(`?after=${first.revision}`), { revision: first.revision, events: [] });
	await control.admin("PUT", "/v1/config", service("two", 80));
	await control.admin("PUT", "/v1/config", service("one", 81));
	await control.admin("DELETE", "/v1/config/Service/shop/two");
	const seen: string[] = [];
	let { revision } = first;
	while (seen.length < 3) {
		const answer = await get(`?after=${revision}&wait=10`);
		seen.push(...answer.events!.map(({ type, name }) => `${type} ${name}`));
		revision = answer.revision;
	}
	assert.deepEqual(seen, ["put two", "put one", "delete two"]);
	const waiting = get(`?after=${revision}&wait=20`);
	await control.admin(
		"PUT",
		"/v1/config",
		"{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: shop}, stringData: {a: hidden}}",
	);
	const { events } = await waiting;
	assert.deepEqual(
		events?.map(({ type, kind, name }) => [type, kind, name]),
		[["put", "Secret", "key"]],
	);
	assert.equal(events?.[0]?.document, undefined, "what a Secret holds stays where it is");
});

test("a revision that is no number, or from the future, is told so or waited for", async (t) => {
	const control = await startControlPlane(t, "");
	for (const query of ["?after=x", "?after=-1", "?after=1.5", "?after="])
		assert.equal((await control.admin("GET", `/v1/watch${query}`)).status, 400, query);
});

test("a revision whose changes are no longer kept is 410, and reading anew goes on from there", async (t) => {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"));
	t.after(() => store.close());
	const config = await createConfigStore(store);
	t.after(() => config.close());
	const put = (name: string) =>
		config.put([{ kind: "Service", namespace: "shop", name, document: { kind: "Service", metadata: { name } } }]);
	const endpoint = createWatchEndpoint(config, systemClock);
	const ask = async (query: string): Promise<Answer> => {
		const principal = { name: "ann", role: "viewer" } as const;
		const answer = await endpoint.answer({ params: {}, query: new URLSearchParams(query), body: "", principal });
		return answer.body as Answer;
	};
	await put("one");
	const { revision } = await ask("");
	for (const name of ["two", "three"]) await put(name);
	const newest = (await config.read()).revision;
	await store.compact(newest);
	for (const wait of ["", "&wait=20"])
		await assert.rejects(ask(`after=${revision}${wait}`), {
			status: 410,
			code: "REVISION_COMPACTED",
			message: /read \/v1\/watch without 'after'/,
		});
	const anew = await ask("");
	assert.deepEqual(anew.items?.map(({ name }) => name).sort(), ["one", "three", "two"]);
	await put("four");
	const { events } = await ask(`after=${anew.revision}&wait=10`);
	assert.deepEqual(
		events?.map(({ name }) => name),
		["four"],
	);
});
