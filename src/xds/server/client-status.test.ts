/** What tools are told of clients (CSDS). */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { holdStream } from "../../../test/support/discovery-call.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { type ManagementServer, startManagementServer } from "../../../test/support/management-server.ts";
import { makeCluster } from "../../../test/support/xds-resources.ts";
import { ClientResourceStatus } from "../../api/gen/envoy/admin/v3/config_dump_shared_pb.js";
import {
	ClientStatusRequestSchema,
	type ClientStatusResponse,
	ClientStatusResponseSchema,
	ConfigStatus,
} from "../../api/gen/envoy/service/status/v3/csds_pb.js";
import { clusterType } from "../resource/type-urls.ts";

type Request = MessageInitShape<typeof ClientStatusRequestSchema>;

function fetchStatus(
	t: TestContext,
	{ port }: Pick<ManagementServer, "port">,
	request: Request = {},
): Promise<ClientStatusResponse> {
	const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
	t.after(() => client.close());
	const { promise, resolve, reject } = Promise.withResolvers<ClientStatusResponse>();
	client.makeUnaryRequest(
		"/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
		(message) => Buffer.from(toBinary(ClientStatusRequestSchema, message)),
		(bytes: Buffer) => fromBinary(ClientStatusResponseSchema, bytes),
		create(ClientStatusRequestSchema, request),
		(error, response) => (response === undefined ? reject(error) : resolve(response)),
	);
	return promise;
}

/** Each resource of the only node as `<name> <config status> <client status> <reason>`. */
async function describe(t: TestContext, management: ManagementServer): Promise<string[]> {
	const { config } = await fetchStatus(t, management);
	return (config[0]?.genericXdsConfigs ?? []).map(({ name, configStatus, clientStatus, errorState, versionInfo }) => {
		assert.equal(versionInfo === "", configStatus === ConfigStatus.NOT_SENT, name);
		const words = [name, ConfigStatus[configStatus], ClientResourceStatus[clientStatus], errorState?.details ?? ""];
		return words.join(" ").trim();
	});
}

test("each resource is in sync, outdated, refused with the reason, or not there", async (t) => {
	const management = await startManagementServer(t, { clusters: [makeCluster("a"), makeCluster("b")] });
	const node = { id: "n", metadata: { NAMESPACE: "shop", tier: { level: "gold" } } };
	const stream = holdStream(t, { port: management.port, credentials: credentials.createInsecure(), node });
	await stream.subscribe(clusterType);
	await eventually(async () => assert.deepEqual(await describe(t, management), ["a SYNCED ACKED", "b SYNCED ACKED"]));
	stream.stall();
	management.set({ clusters: [makeCluster("a", { alt_stat_name: "other" }), makeCluster("b"), makeCluster("c")] });
	await eventually(async () =>
		assert.deepEqual(await describe(t, management), ["a STALE REQUESTED", "b STALE REQUESTED", "c STALE REQUESTED"]),
	);
	// While it owes an answer nothing more is sent.
	management.set({ clusters: [makeCluster("a", { alt_stat_name: "other" }), makeCluster("d")] });
	await eventually(async () => assert.ok((await describe(t, management)).includes("d NOT_SENT REQUESTED")));
});

test("what a client refuses is an error, by name or as a whole", async (t) => {
	for (const [reason, expected] of [
		["b: is bad", ["a SYNCED ACKED", "b ERROR NACKED b: is bad"]],
		["no good", ["a ERROR NACKED no good", "b ERROR NACKED no good"]],
	] as const) {
		const management = await startManagementServer(t, { clusters: [makeCluster("a"), makeCluster("b")] });
		const stream = holdStream(t, {
			...{ port: management.port, credentials: credentials.createInsecure(), node: { id: "n" } },
		});
		await stream.subscribe(clusterType, [], { refusing: reason });
		await eventually(async () => assert.deepEqual(await describe(t, management), expected));
	}
});

test("a request may name nodes, and leave out contents", async (t) => {
	const management = await startManagementServer(t, { clusters: [makeCluster("a")] });
	for (const [id, namespace] of [
		["web-0", "shop"],
		["web-1", "bank"],
	] as const)
		await holdStream(t, {
			...{ port: management.port, credentials: credentials.createInsecure() },
			node: { id, metadata: { NAMESPACE: namespace } },
		}).subscribe(clusterType);
	const named = async (nodeMatchers: Request["nodeMatchers"]) =>
		(await fetchStatus(t, management, { nodeMatchers: nodeMatchers ?? [] })).config.map(({ node }) => node?.id).sort();
	const text = (value: string) => ({ matchPattern: { case: "exact" as const, value } });
	const inBank = {
		path: [{ segment: { case: "key" as const, value: "NAMESPACE" } }],
		value: { matchPattern: { case: "stringMatch" as const, value: text("bank") } },
	};
	assert.deepEqual(await named([]), ["web-0", "web-1"]);
	assert.deepEqual(await named([{ nodeId: text("web-0") }]), ["web-0"]);
	assert.deepEqual(await named([{ nodeMetadatas: [inBank] }]), ["web-1"]);
	assert.deepEqual(await named([{ nodeId: text("web-0"), nodeMetadatas: [inBank] }]), []);
	assert.deepEqual(await named([{ nodeId: text("web-0") }, { nodeMetadatas: [inBank] }]), ["web-0", "web-1"]);
	const regex = { nodeId: { matchPattern: { case: "safeRegex" as const, value: { regex: "(a+)+" } } } };
	await assert.rejects(named([regex]), (error: ServiceError) => error.code === status.INVALID_ARGUMENT);
	const contents = async (excludeResourceContents: boolean) => {
		const { config } = await fetchStatus(t, management, { excludeResourceContents });
		return config[0]!.genericXdsConfigs[0]!.xdsConfig?.typeUrl;
	};
	assert.deepEqual([await contents(false), await contents(true)], [clusterType, undefined]);
});
