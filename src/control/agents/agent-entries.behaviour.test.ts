import assert from "node:assert/strict";
import { test } from "node:test";
import { type AttestedAgent, parseSpiffeId, type RegistrationEntry } from "../../model/index.ts";
import { createAgentEntries } from "./agent-entries.ts";

const serverId = parseSpiffeId("spiffe://cluster.local/amime/server");
const node = parseSpiffeId("spiffe://cluster.local/node");
const agentOf = (selectors: readonly string[]) =>
	({ spiffeId: parseSpiffeId("spiffe://cluster.local/agent"), selectors }) as AttestedAgent;
const entryOf = (id: string, parentId = node, selectors = ["unix:uid:1"]) =>
	({
		id,
		spiffeId: id === "alias" ? node : parseSpiffeId(`spiffe://cluster.local/${id}`),
		parentId,
		selectors,
	}) as unknown as RegistrationEntry;

test("an agent's entries are looked for once, until the entries or the agent change", () => {
	let list: readonly RegistrationEntry[] = [entryOf("alias", serverId, ["k8s:node"]), entryOf("web")];
	const entries = createAgentEntries({ list: () => list }, serverId);
	const [agent, other] = [agentOf(["k8s:node"]), agentOf([])];
	const first = entries.of(agent);
	assert.deepEqual([...first.keys()], ["web"]);
	assert.deepEqual([...entries.of(other).keys()], []);
	assert.equal(entries.of(agent), first);
	list = [...list, entryOf("late")];
	assert.deepEqual([...entries.of(agent).keys()], ["web", "late"]);
	list = list.slice(0, 1);
	assert.deepEqual([...entries.of(agent).keys()], []);
	assert.deepEqual([...first.keys()], ["web"]);
});
