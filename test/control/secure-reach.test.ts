/** A control plane that is served over mutual TLS alone: proxies ask it for leases and for hosts there too. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { CheckRequestSchema, CheckResponseSchema } from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import {
	RateLimitQuotaResponseSchema,
	RateLimitQuotaUsageReportsSchema,
} from "../../src/api/gen/envoy/service/rate_limit_quota/v3/rlqs_pb.js";
import type { WorkloadInstance } from "../../src/model/index.ts";
import { routeType } from "../../src/xds/server/index.ts";
import { adsResources, http2Cluster, overMutualTls, socketAddress } from "../support/bootstraps.ts";
import { application } from "../support/control-mesh.ts";
import {
	createRunningInstance,
	startApplication,
	startControlPlane,
	type TestControlPlane,
} from "../support/control-plane.ts";
import { holdStream, mutualTls } from "../support/discovery-call.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { createTestPki } from "../support/pki.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const others = Array.from({ length: 20 }, (_, position) => `---${application(`other-${position}`)}`).join("");
const mesh = `${application("orders")}---${application("web")}${others}---
apiVersion: amime.dev/v1alpha1
kind: MeshConfig
metadata: {name: test}
spec: {proxyScope: NEEDED}
---
apiVersion: amime.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: orders, namespace: shop }
spec:
  targetRefs: [{ kind: Service, name: orders }]
  limits: [{ name: all, requests: 1000, unit: Second, scope: Global }]
`;

/** A proxy whose only way to the control plane is the TLS port. */
async function startRemote(
	t: TestContext,
	kind: "amime" | "envoy",
	control: TestControlPlane,
	instance: WorkloadInstance,
): Promise<void> {
	const secretSocket = await control.serveSecrets(t, instance);
	await startProxyProcess(t, kind, makeTemporaryFolder(t), {
		node: { id: nodeOf(instance.name), cluster: "shop", metadata: { LABELS: { ...instance.labels } } },
		dynamic_resources: adsResources("xds"),
		static_resources: {
			clusters: [
				overMutualTls(http2Cluster("xds", socketAddress(control.plane.xdsTlsPort!))),
				http2Cluster("sds", { pipe: { path: secretSocket } }),
			],
		},
	});
}

const nodeOf = (name: string): string => `sidecar~127.0.0.1~${name}.shop~shop.svc.cluster.local`;

for (const kind of ["amime", "envoy"] as const)
	test(`${kind}: leases and hosts on demand come over mutual TLS`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		// The address of every interface: reached from elsewhere, so there is no plain text port at all.
		const control = await startControlPlane(t, mesh, { xdsAddress: "0.0.0.0:0" });
		const port = await startApplication(t, (_request, response) => response.end("orders"));
		const orders = await createRunningInstance("orders", port, [], { sidecar: kind });
		const web = await createRunningInstance("web", await findFreePort(), [], { sidecar: kind });
		for (const instance of [orders, web]) await control.register(instance);
		for (const instance of [orders, web]) await startRemote(t, kind, control, instance);
		await eventually(
			async () => {
				const answer = await sendRequest({
					port: web.httpProxyPort!,
					path: "http://orders.shop/",
					headers: { host: "orders.shop" },
				});
				assert.equal(answer.body, "orders");
			},
			{ deadlineMs: 60_000 },
		);
		await eventually(async () => {
			const [limit] = await control.items<{ budgets: { leases: { proxy: string; isConnected: boolean }[] }[] }>(
				"/v1/limits",
			);
			const leases = limit!.budgets.flatMap((budget) => budget.leases);
			assert.deepEqual(
				leases.map(({ proxy, isConnected }) => [proxy, isConnected]),
				[["shop/orders-0", true]],
			);
		});
	});

test("nobody has the leases of another node, nor asks for hosts of another namespace", async (t) => {
	const control = await startControlPlane(t, mesh, { xdsTlsAddress: "127.0.0.1:0" });
	const pki = createTestPki({ stateFolder: control.stateFolder });
	const client = new Client(
		`127.0.0.1:${control.plane.xdsTlsPort}`,
		mutualTls(pki.issue(pki.idOf("web", "shop")), pki.bundlePem),
		{ "grpc.ssl_target_name_override": "localhost" },
	);
	t.after(() => client.close());
	const reportAs = (name: string | undefined): Promise<string> => {
		const metadata = new Metadata();
		if (name !== undefined) metadata.set("x-amime-node", name);
		const call = client.makeBidiStreamRequest(
			"/envoy.service.rate_limit_quota.v3.RateLimitQuotaService/StreamRateLimitQuotas",
			(message: object) => Buffer.from(toBinary(RateLimitQuotaUsageReportsSchema, message as never)),
			(bytes: Buffer) => fromBinary(RateLimitQuotaResponseSchema, bytes),
			metadata,
		);
		t.after(() => call.cancel());
		const { promise, resolve } = Promise.withResolvers<string>();
		call.on("data", () => resolve("leased"));
		call.on("error", (error: ServiceError) => resolve(error.details));
		call.write(
			create(RateLimitQuotaUsageReportsSchema, {
				domain: "amime",
				bucketQuotaUsages: [
					{ bucketId: { bucket: { limit: "shop/orders/all" } }, timeElapsed: { nanos: 1 }, numRequestsAllowed: 1n },
				],
			}),
		);
		return promise;
	};
	await control.register(await createRunningInstance("orders", 4_000));
	assert.match(await reportAs("bank/pay-0"), /may not speak for bank\/pay-0/);
	await eventually(async () => assert.match(await reportAs("shop/orders-0"), /may not speak for shop\/orders-0/));
	assert.equal(await reportAs(undefined), "leased");
	assert.equal(await reportAs("shop/web-0"), "leased");

	const foreign = new Client(
		`127.0.0.1:${control.plane.xdsTlsPort}`,
		mutualTls(pki.issue(pki.idOf("teller", "bank")), pki.bundlePem),
		{ "grpc.ssl_target_name_override": "localhost" },
	);
	t.after(() => foreign.close());
	const web = await createRunningInstance("web", 4_001);
	await control.register(web);
	await eventually(async () => assert.equal((await control.items("/v1/instances")).length, 2));
	const stream = holdStream(t, {
		...{ port: control.plane.xdsPort, credentials: credentials.createInsecure(), node: { id: nodeOf("web-0") } },
	});
	await stream.subscribe(routeType, ["http_proxy"]);
	const dump = await control.admin("GET", "/debug/config_dump?proxyID=web-0.shop");
	const [, key] = /"contextExtensions":\{"key":"([^"]+)"/.exec(dump.body)!;
	const askedBy = (asker: Client): Promise<number> => {
		const { promise, resolve, reject } = Promise.withResolvers<number>();
		asker.makeUnaryRequest(
			"/envoy.service.auth.v3.Authorization/Check",
			(message: object) => Buffer.from(toBinary(CheckRequestSchema, message as never)),
			(bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
			create(CheckRequestSchema, {
				attributes: {
					request: { http: { host: "orders.shop" } },
					contextExtensions: { key: JSON.parse(`"${key}"`) as string },
				},
			}),
			(error, response) =>
				response === undefined
					? reject(error)
					: resolve(response.httpResponse.case === "okResponse" ? response.httpResponse.value.headers.length : -1),
		);
		return promise;
	};
	assert.deepEqual(
		[await askedBy(client), await askedBy(foreign)],
		[1, 0],
		"one is told the cluster, the other nothing",
	);
});
