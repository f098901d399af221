/** Load reports (LRS): what proxies tell the control plane, and what our proxy tells any such service. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { ClusterStatsSchema } from "../../src/api/gen/envoy/config/endpoint/v3/load_report_pb.js";
import {
	type LoadStatsRequest,
	LoadStatsRequestSchema,
	type LoadStatsResponse,
	LoadStatsResponseSchema,
} from "../../src/api/gen/envoy/service/load_stats/v3/lrs_pb.js";
import { application } from "../support/control-mesh.ts";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { mutualTls } from "../support/discovery-call.ts";
import { eventually } from "../support/eventually.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";

interface Listed {
	readonly client?: string;
	readonly cluster: string;
	readonly locality: string;
	readonly clients: number;
	readonly rate: number;
	readonly requests: number;
	readonly errors: number;
	readonly drops: Readonly<Record<string, number>>;
}

const ordersCluster = "outbound|80||orders.shop.svc.cluster.local";

for (const kind of ["amime", "envoy"] as const)
	test(`${kind}: a sidecar tells how many requests each locality of a cluster got, and how many failed`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const control = await startControlPlane(t, `${application("orders")}---${application("web")}`, {
			load: { intervalMs: 200 },
		});
		const port = await startApplication(t, (request, response) => {
			response.statusCode = request.url === "/fail" ? 500 : 200;
			response.end("ok");
		});
		const orders = await createRunningInstance("orders", port, [], {
			pattern: "none",
			ports: [{ name: "http", protocol: "http", appPort: port, meshPort: port }],
			locality: { region: "north", zone: "a", subZone: "" },
		});
		await control.register(orders);
		const web = await createRunningInstance("web", port, ["orders"], { sidecar: kind });
		await control.register(web);
		await control.startProxy(t, web, kind);
		const ask = (path: string) =>
			sendRequest({ port: web.upstreams[0]!.listenPort, path, headers: { host: "orders" } });
		await eventually(async () => assert.equal((await ask("/")).status, 200), { deadlineMs: 30_000 });
		const told = async (query = ""): Promise<Listed | undefined> => {
			const listed = await control.items<Listed>(`/v1/load?cluster=orders.shop.svc.cluster.local${query}`);
			return listed.find(({ locality }) => locality === "north/a");
		};
		// What comes before the first answer of the service is nobody's.
		await eventually(async () => {
			await ask("/");
			assert.ok(((await told())?.requests ?? 0) > 0);
		});
		const before = (await told())!;
		for (let times = 0; times < 5; times++) await ask("/fail");
		await eventually(async () => assert.ok(((await told())?.errors ?? 0) >= 5, JSON.stringify(await told())));
		const own = (await told("&by=client&client=web-0.shop"))!;
		assert.equal(own.cluster, ordersCluster);
		assert.match(own.client ?? "", /^sidecar~127\.0\.0\.1~web-0\.shop~/);
		assert.equal(own.errors, 5);
		assert.ok(own.requests >= before.requests + 5, JSON.stringify([before, own]));
		await eventually(async () => assert.equal((await told())?.rate, 0, "nobody calls any more"));
	});

/** A stream of load reports by hand. */
function openStream(t: { after(close: () => void): void }, port: number, channel = credentials.createInsecure()) {
	const client = new Client(`127.0.0.1:${port}`, channel, { "grpc.ssl_target_name_override": "localhost" });
	t.after(() => client.close());
	const call = client.makeBidiStreamRequest<LoadStatsRequest, LoadStatsResponse>(
		"/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats",
		(request) => Buffer.from(toBinary(LoadStatsRequestSchema, request)),
		(bytes) => fromBinary(LoadStatsResponseSchema, bytes),
	);
	t.after(() => call.cancel());
	const answer = Promise.withResolvers<LoadStatsResponse | string>();
	call.on("data", answer.resolve);
	call.on("error", (error: ServiceError) => answer.resolve(error.details));
	return { call, answer: answer.promise };
}

test("a client is asked for all clusters, and its figures go when its stream does", async (t) => {
	const control = await startControlPlane(t, application("orders"));
	const { call, answer } = openStream(t, control.plane.xdsPort);
	call.write(create(LoadStatsRequestSchema, { node: { id: "old", clientFeatures: [] } }));
	const wishes = await answer;
	assert.ok(typeof wishes === "object");
	assert.equal(wishes.sendAllClusters, true);
	assert.equal(wishes.loadReportingInterval?.seconds, 10n);
	call.write(
		create(LoadStatsRequestSchema, {
			clusterStats: [
				create(ClusterStatsSchema, {
					clusterName: ordersCluster,
					loadReportInterval: { seconds: 2n },
					totalDroppedRequests: 10n,
					droppedRequests: [{ category: "lb", droppedCount: 4n }],
					upstreamLocalityStats: [{ totalIssuedRequests: 20n, totalErrorRequests: 1n, totalRequestsInProgress: 3n }],
				}),
			],
		}),
	);
	await eventually(async () => {
		const [listed] = await control.items<Listed & { readonly errorRate: number; readonly inProgress: number }>(
			"/v1/load",
		);
		assert.deepEqual(
			[listed?.rate, listed?.errorRate, listed?.inProgress, listed?.drops],
			[10, 0.5, 3, { lb: 2, "": 3 }],
		);
	});
	call.end();
	await eventually(async () => assert.deepEqual(await control.items("/v1/load"), []));
});

test("nobody reports for another node, nor without one", async (t) => {
	const control = await startControlPlane(t, `${application("orders")}---${application("web")}`, {
		xdsTlsAddress: "127.0.0.1:0",
	});
	const nameless = openStream(t, control.plane.xdsPort);
	nameless.call.write(create(LoadStatsRequestSchema, {}));
	assert.match(String(await nameless.answer), /must carry a node/);
	const pki = createTestPki({ stateFolder: control.stateFolder });
	const own = mutualTls(pki.issue(pki.idOf("web", "shop")), pki.bundlePem);
	const as = (namespace: string) => {
		const { call, answer } = openStream(t, control.plane.xdsTlsPort!, own);
		const id = `sidecar~127.0.0.1~x-0.${namespace}~${namespace}.svc.cluster.local`;
		call.write(create(LoadStatsRequestSchema, { node: { id } }));
		return answer;
	};
	assert.match(String(await as("bank")), /is of the namespace 'bank'/);
	assert.equal(typeof (await as("shop")), "object");
});
