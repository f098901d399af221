/** The server over real sockets: slow and broken clients, per-type services, status for tools. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, status } from "@grpc/grpc-js";
import { eventually } from "../../../test/support/eventually.ts";
import { type ManagementServer, startManagementServer } from "../../../test/support/management-server.ts";
import { makeAssignment, makeCluster } from "../../../test/support/xds-resources.ts";
import {
	type DeltaDiscoveryRequest,
	DeltaDiscoveryRequestSchema,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
} from "../../api/gen/envoy/service/discovery/v3/discovery_pb.js";
import {
	ClientStatusRequestSchema,
	type ClientStatusResponse,
	ClientStatusResponseSchema,
} from "../../api/gen/envoy/service/status/v3/csds_pb.js";
import { clusterType, endpointType, listenerType } from "../resource/type-urls.ts";

const adsPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

test("a client that neither reads nor answers is sent one response, and delays nobody", async (t) => {
	const management = await startManagementServer(t, {
		clusters: [makeCluster("a", { alt_stat_name: "x".repeat(1_000_000) })],
	});
	const slow = openStream(t, management, adsPath);
	slow.call.pause();
	slow.call.write(request("slow", clusterType));
	await eventually(() => assert.equal(management.server.statuses().length, 1));
	const quick = openStream(t, management, adsPath);
	quick.call.write(request("quick", clusterType));
	for (let round = 1; round <= 20; round++) {
		management.set({ clusters: [makeCluster(`a${round}`, { alt_stat_name: "x".repeat(1_000_000) })] });
		await eventually(() => {
			const last = quick.responses.at(-1);
			assert.equal(last?.resources[0]?.name, `a${round}`);
			quick.call.write(create(DeltaDiscoveryRequestSchema, { typeUrl: clusterType, responseNonce: last.nonce }));
		});
	}
	const [one] = management.server.statuses().filter(({ nodeId }) => nodeId === "slow");
	assert.equal(one?.types[0]?.state, "STALE");
	assert.equal(one?.types[0]?.ackedVersion, "");
	assert.equal(management.pushes.get("pilot_xds_pushes cds"), 1 + quick.responses.length);
});

test("a stream that begins without a node is ended with the reason", async (t) => {
	const management = await startManagementServer(t, {});
	const { call } = openStream(t, management, adsPath);
	const ended = new Promise<{ code?: number; message: string }>((resolve) => call.once("error", resolve));
	call.write(create(DeltaDiscoveryRequestSchema, { typeUrl: clusterType }));
	const error = await ended;
	assert.equal(error.code, status.INVALID_ARGUMENT);
	assert.match(error.message, /must carry a node/);
	assert.deepEqual(management.server.statuses(), []);
});

test("a service of one type needs no type_url, and refuses another's", async (t) => {
	const management = await startManagementServer(t, { clusters: [makeCluster("a")] });
	const path = "/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters";
	const { call, responses } = openStream(t, management, path);
	call.write(request("n", ""));
	await eventually(() => assert.equal(responses[0]?.typeUrl, clusterType));
	const ended = new Promise<{ code?: number }>((resolve) => call.once("error", resolve));
	call.write(request("n", listenerType));
	assert.equal((await ended).code, status.INVALID_ARGUMENT);
});

test("a node that goes is gone from the statuses", async (t) => {
	const management = await startManagementServer(t, { clusters: [] });
	const { call } = openStream(t, management, adsPath);
	call.write(request("n", clusterType));
	await eventually(() => assert.equal(management.server.statuses().length, 1));
	call.cancel();
	await eventually(() => assert.equal(management.server.statuses().length, 0));
});

test("tools are told which node holds which resource (CSDS)", async (t) => {
	const management = await startManagementServer(t, {
		clusters: [makeCluster("a"), makeCluster("b")],
		assignments: [makeAssignment("a", [1])],
	});
	const { call, client, responses } = openStream(t, management, adsPath);
	call.write(request("n", clusterType));
	await eventually(() => assert.equal(responses.length, 1));
	call.write(
		create(DeltaDiscoveryRequestSchema, {
			typeUrl: clusterType,
			responseNonce: responses[0]?.nonce ?? "",
			errorDetail: { code: 3, message: "b: is bad" },
		}),
	);
	call.write(create(DeltaDiscoveryRequestSchema, { typeUrl: endpointType, resourceNamesSubscribe: ["a", "x"] }));
	await eventually(() => assert.equal(responses.length, 2));
	const answer = await new Promise<ClientStatusResponse>((resolve, reject) =>
		client.makeUnaryRequest(
			"/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
			() => Buffer.from(toBinary(ClientStatusRequestSchema, create(ClientStatusRequestSchema))),
			(bytes: Buffer) => fromBinary(ClientStatusResponseSchema, bytes),
			undefined,
			(error, response) => (response === undefined ? reject(error) : resolve(response)),
		),
	);
	const told = answer.config[0]?.genericXdsConfigs.map(
		({ clientStatus, errorState, name }) => `${name} ${clientStatus} ${errorState?.details ?? ""}`,
	);
	// 1 REQUESTED, 2 DOES_NOT_EXIST, 3 ACKED, 4 NACKED.
	assert.deepEqual(told, ["a 3 ", "b 4 b: is bad", "a 1 ", "x 2 "]);
});

function request(nodeId: string, typeUrl: string): DeltaDiscoveryRequest {
	return create(DeltaDiscoveryRequestSchema, { node: { id: nodeId }, typeUrl });
}

interface RawStream {
	readonly client: Client;
	readonly call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
	readonly responses: DeltaDiscoveryResponse[];
}

function openStream(t: TestContext, management: ManagementServer, path: string): RawStream {
	const client = new Client(`127.0.0.1:${management.port}`, credentials.createInsecure());
	const call = client.makeBidiStreamRequest(
		path,
		(message: DeltaDiscoveryRequest) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message)),
		(bytes: Buffer) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
	);
	const responses: DeltaDiscoveryResponse[] = [];
	call.on("data", (response: DeltaDiscoveryResponse) => responses.push(response));
	call.on("error", () => undefined);
	t.after(() => {
		call.cancel();
		client.close();
	});
	return { client, call, responses };
}
