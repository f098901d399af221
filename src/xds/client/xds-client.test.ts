/** Our client against our server over real sockets. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { eventually } from "../../../test/support/eventually.ts";
import { type ManagementServer, startManagementServer } from "../../../test/support/management-server.ts";
import { makeAssignment, makeCluster } from "../../../test/support/xds-resources.ts";
import { NodeSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { createSeededRandom, silentLog, systemClock } from "../../core/index.ts";
import { clusterType, endpointType } from "../resource/type-urls.ts";
import type { ClientVariant, RefusedResource, ResourceUpdate } from "./client-state.ts";
import type { XdsService } from "./discovery-stream.ts";
import { createXdsClient, type XdsClient } from "./xds-client.ts";

for (const variant of ["delta", "state-of-the-world"] as const) {
	test(`${variant}: what is subscribed to comes, changes come alone`, async (t) => {
		const management = await startManagementServer(t, {
			clusters: [makeCluster("a"), makeCluster("b")],
			assignments: [makeAssignment("a", [1]), makeAssignment("b", [2])],
		});
		const { client, updates } = openClient(t, management, variant);
		client.subscribe(clusterType, "*");
		client.subscribe(endpointType, new Set(["a", "b"]));
		await eventually(() => {
			assert.deepEqual(namesOf(updates, clusterType), [["a", "b"]]);
			assert.deepEqual(namesOf(updates, endpointType), [["a", "b"]]);
			assert.equal(management.status(endpointType)?.state, "SYNCED");
		});
		management.set({ assignments: [makeAssignment("a", [1]), makeAssignment("b", [3])] });
		await eventually(() => assert.deepEqual(namesOf(updates, endpointType), [["a", "b"], ["b"]]));
		management.set({ clusters: [makeCluster("b")] });
		await eventually(() => assert.deepEqual(updates.at(-1)?.removed, ["a"]));
	});

	test(`${variant}: what the consumer refuses is told to the server by name`, async (t) => {
		const management = await startManagementServer(t, { clusters: [makeCluster("a"), makeCluster("b")] });
		const { client } = openClient(t, management, variant, {
			judge: (update) =>
				update.added.some(({ name }) => name === "b") ? [{ name: "b", problem: "lb_policy: is not supported" }] : [],
		});
		client.subscribe(clusterType, "*");
		await eventually(() => {
			assert.equal(management.status(clusterType)?.state, "NACKED");
			assert.equal(management.status(clusterType)?.reason, "b: lb_policy: is not supported");
		});
		management.set({ clusters: [makeCluster("a")] });
		await eventually(() => assert.equal(management.status(clusterType)?.state, "SYNCED"));
	});

	test(`${variant}: after a restart of the server the client is back, and takes up what it missed`, async (t) => {
		const first = await startManagementServer(t, { clusters: [makeCluster("a"), makeCluster("b")] });
		const { client, connections, updates } = openClient(t, first, variant);
		client.subscribe(clusterType, "*");
		await eventually(() => assert.equal(updates.length, 1));
		await first.close();
		await eventually(() => assert.equal(client.isConnected, false));
		const second = await startManagementServer(
			t,
			{ clusters: [makeCluster("b"), makeCluster("c")] },
			{ port: first.port },
		);
		await eventually(() => assert.equal(second.status(clusterType)?.state, "SYNCED"), { deadlineMs: 60_000 });
		assert.deepEqual(updates.at(-1)?.removed, ["a"]);
		const added = updates.at(-1)?.added.map(({ name }) => name);
		assert.deepEqual(added, variant === "delta" ? ["c"] : ["b", "c"]);
		assert.deepEqual(connections, [true, false, true]);
	});
}

test("a service of one type carries that type", async (t) => {
	const management = await startManagementServer(t, { assignments: [makeAssignment("a", [1])] });
	const { client, updates } = openClient(t, management, "delta", { service: "eds" });
	client.subscribe(endpointType, new Set(["a", "x"]));
	await eventually(() => {
		assert.deepEqual(namesOf(updates, endpointType), [["a"]]);
		assert.deepEqual(updates[0]?.removed, ["x"]);
	});
});

test("held acknowledgements leave when they are released", async (t) => {
	const management = await startManagementServer(t, { clusters: [makeCluster("a")] });
	const { client, updates } = openClient(t, management, "delta");
	client.subscribe(clusterType, "*");
	await eventually(() => assert.equal(management.status(clusterType)?.state, "SYNCED"));
	const release = client.pause(clusterType);
	management.set({ clusters: [makeCluster("b")] });
	await eventually(() => assert.equal(updates.length, 2));
	assert.equal(management.status(clusterType)?.state, "STALE");
	release();
	await eventually(() => assert.equal(management.status(clusterType)?.state, "SYNCED"));
});

function namesOf(updates: readonly ResourceUpdate[], typeUrl: string): string[][] {
	return updates.filter((update) => update.typeUrl === typeUrl).map(({ added }) => added.map(({ name }) => name));
}

function openClient(
	t: TestContext,
	management: ManagementServer,
	variant: ClientVariant,
	options: { service?: XdsService; judge?: (update: ResourceUpdate) => readonly RefusedResource[] } = {},
): { client: XdsClient; updates: ResourceUpdate[]; connections: boolean[] } {
	const updates: ResourceUpdate[] = [];
	const connections: boolean[] = [];
	const client = createXdsClient({
		target: {
			addresses: [`127.0.0.1:${management.port}`],
			authority: "xds",
			tls: undefined,
			metadata: [],
			keepaliveMs: 0,
		},
		service: options.service ?? "ads",
		variant,
		node: create(NodeSchema, { id: "test-1" }),
		nodeOnFirstMessageOnly: true,
		consumer: {
			async apply(update) {
				updates.push(update);
				return options.judge?.(update) ?? [];
			},
			missing: () => undefined,
			connectionChanged: (connected) => connections.push(connected),
		},
		clock: systemClock,
		random: createSeededRandom(1),
		log: silentLog,
	});
	t.after(() => client.close());
	return { client, updates, connections };
}
