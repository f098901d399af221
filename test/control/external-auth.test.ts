/** ExternalAuth filters of HTTPRoutes (GEP-1494), by what is served and with traffic through amime's proxy and a stock Envoy, as a
 *  gateway and beside a client. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import {
	type CheckRequest,
	CheckRequestSchema,
	CheckResponseSchema,
} from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { startApplication } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { clientWorkload, gatewayOn, gatewayWorkload, serviceOf, startGatewayWorld } from "../support/gateway-world.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const patient = { deadlineMs: 60_000 };

const rule = (path: string, backendRef: object, spec: object): object => ({
	matches: [{ path: { type: "PathPrefix", value: path } }],
	filters: [{ type: "ExternalAuth", externalAuth: { backendRef: { port: 80, ...backendRef }, ...spec } }],
	backendRefs: [{ name: "web", port: 80 }],
});

const rules = [
	rule(
		"/http",
		{ name: "http-auth" },
		{
			protocol: "HTTP",
			http: { path: "/check", allowedHeaders: ["X-User"], allowedResponseHeaders: ["x-checked"] },
			forwardBody: { maxSize: 8 },
		},
	),
	rule("/plain", { name: "http-auth" }, { protocol: "HTTP", forwardBody: { maxSize: 0 } }),
	rule("/all-grpc", { name: "grpc-auth" }, { protocol: "GRPC", grpc: {} }),
	rule(
		"/grpc",
		{ name: "grpc-auth" },
		{ protocol: "GRPC", grpc: { allowedHeaders: ["x-user", "x-answer"] }, forwardBody: { maxSize: 100 } },
	),
	rule("/dead", { name: "dead-auth" }, { protocol: "HTTP" }),
	rule("/missing", { name: "nobody" }, { protocol: "HTTP" }),
	rule("/foreign", { name: "vault-auth", namespace: "vault" }, { protocol: "HTTP" }),
	{
		matches: [{ path: { type: "PathPrefix", value: "/away" } }],
		filters: [
			{ type: "ExternalAuth", externalAuth: { backendRef: { name: "http-auth", port: 80 }, protocol: "HTTP" } },
			{ type: "RequestRedirect", requestRedirect: { hostname: "away.example", statusCode: 302 } },
		],
	},
	{ backendRefs: [{ name: "web", port: 80 }] },
];

interface Asked {
	readonly what: string;
	readonly headers: Readonly<Record<string, unknown>>;
	readonly body: string;
}

/** Refuses paths with `denied` in them. */
async function startHttpAuthorizer(t: TestContext, asked: Asked[]): Promise<number> {
	return await startApplication(t, (request, response) => {
		let body = "";
		request.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
		request.on("end", () => {
			asked.push({ what: `${request.method} ${request.url}`, headers: request.headers, body });
			const isDenied = request.url!.includes("denied");
			response.writeHead(isDenied ? 401 : 200, {
				"x-checked": "ada",
				"x-more": "yes",
				"content-type": "text/x-verdict",
			});
			response.end(isDenied ? "not you" : "welcome");
		});
	});
}

async function startGrpcAuthorizer(t: TestContext, asked: CheckRequest[]): Promise<number> {
	const header = { header: { key: "x-checked", value: "bob" }, appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD };
	const { port } = await startGrpcService(t, {
		onMessage(call, message) {
			const question = fromBinary(CheckRequestSchema, message);
			asked.push(question);
			const isDenied = question.attributes?.request?.http?.path.includes("denied");
			const response = isDenied
				? create(CheckResponseSchema, {
						status: { code: 7 },
						httpResponse: { case: "deniedResponse", value: { status: { code: 401 }, body: "not you" } },
					})
				: create(CheckResponseSchema, {
						status: { code: 0 },
						httpResponse: { case: "okResponse", value: { headers: [header] } },
					});
			call.send(toBinary(CheckResponseSchema, response));
			call.finish();
		},
	});
	return port;
}

for (const kind of ["amime", "envoy"] as const)
	test(`authorizers that routes name are asked and obeyed, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
		timeout: 120_000,
	}, async (t) => {
		const asked: Asked[] = [];
		const questions: CheckRequest[] = [];
		const seen: Asked[] = [];
		const ports = {
			gateway: await findFreePort(),
			http: await startHttpAuthorizer(t, asked),
			grpc: await startGrpcAuthorizer(t, questions),
			dead: await findFreePort(),
			web: await startApplication(t, (request, response) => {
				let body = "";
				request.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
				request.on("end", () => {
					seen.push({ what: `${request.method} ${request.url}`, headers: request.headers, body });
					response.end("here");
				});
			}),
		};
		const route = (name: string, parent: object): object => ({
			apiVersion: "gateway.networking.k8s.io/v1",
			kind: "HTTPRoute",
			metadata: { name, namespace: "shop" },
			spec: { parentRefs: [parent], rules },
		});
		const objects: object[] = [
			clientWorkload,
			gatewayWorkload,
			...serviceOf("web", ports.web),
			...serviceOf("http-auth", ports.http),
			...serviceOf("grpc-auth", ports.grpc, "grpc"),
			...serviceOf("dead-auth", ports.dead),
			...serviceOf("vault-auth", ports.http, "http", "vault"),
			gatewayOn(ports.gateway),
			route("outside", { name: "gw", namespace: "edge" }),
			route("inside", { group: "", kind: "Service", name: "web" }),
		];
		const config = objects.map((object) => JSON.stringify(object)).join("\n---\n");
		const { control, client } = await startGatewayWorld(t, kind, config);

		for (const place of ["a gateway", "a sidecar"] as const) {
			const isGateway = place === "a gateway";
			const call = (path: string, headers: Record<string, string> = {}, body?: string) => {
				for (const list of [asked, questions, seen]) list.splice(0);
				return sendRequest({
					port: isGateway ? ports.gateway : client.httpProxyPort!,
					path: isGateway ? path : `http://web${path}`,
					method: body === undefined ? "GET" : "POST",
					headers: { host: "web", ...headers },
					...(body !== undefined && { body }),
				});
			};
			await eventually(async () => assert.equal((await call("/free")).status, 200), patient);

			await t.test(`${place}: other routes ask nobody`, async () => {
				assert.equal((await call("/free/denied")).status, 200);
				assert.deepEqual([asked, questions], [[], []]);
			});

			await t.test(`${place}: over HTTP, with what the route says is seen`, async () => {
				const headers = { "x-user": "ada", authorization: "Basic eA==", cookie: "secret=1" };
				const answer = await call("/http/a?b=1", { ...headers, "content-type": "text/plain" }, "12345678");
				assert.equal(answer.status, 200, answer.body);
				const [question] = asked;
				assert.equal(question!.what, "POST /check/http/a?b=1");
				assert.equal(question!.body, "12345678");
				assert.deepEqual(
					["host", "x-user", "authorization", "cookie", "content-length"].map((name) => question!.headers[name]),
					["web", "ada", "Basic eA==", undefined, "8"],
				);
				const { headers: shown, body } = seen[0]!;
				assert.deepEqual(
					[shown["x-checked"], shown["x-more"], shown["content-type"], body],
					["ada", undefined, "text/plain", "12345678"],
				);
			});

			await t.test(`${place}: a longer body does not pass`, async () => {
				assert.equal((await call("/http/a", {}, "123456789")).status, 413);
				assert.deepEqual([asked, seen], [[], []]);
			});

			await t.test(`${place}: the backend sees all of the answer that can be its own`, async () => {
				const answer = await call("/plain/a", { "x-user": "ada", "content-type": "text/plain" }, "123456789");
				assert.equal(answer.status, 200, answer.body);
				const [question] = asked;
				assert.equal(question!.what, "POST /plain/a");
				assert.deepEqual(
					[question!.body, question!.headers["content-length"], question!.headers["x-user"]],
					["", "0", undefined],
				);
				const { headers: shown, body } = seen[0]!;
				assert.deepEqual(
					[shown["x-checked"], shown["x-more"], shown["content-type"], shown["host"], body],
					["ada", "yes", "text/plain", "web", "123456789"],
				);
			});

			await t.test(`${place}: a refusal is the authorizer's answer`, async () => {
				for (const path of ["/http/denied", "/plain/denied", "/grpc/denied", "/all-grpc/denied", "/away/denied"]) {
					const answer = await call(path);
					assert.deepEqual([path, answer.status, answer.body], [path, 401, "not you"]);
					assert.deepEqual(seen, []);
				}
				assert.match(String((await call("/away/a")).headers["location"]), /^http:..away.example(:\d+)?.away.a$/);
			});

			await t.test(`${place}: over gRPC, with the headers that the route says`, async () => {
				const answer = await call("/grpc/a", { "x-user": "ada", cookie: "secret=1" }, "body");
				assert.equal(answer.status, 200, answer.body);
				assert.equal(seen[0]!.headers["x-checked"], "bob");
				const { headers, body } = questions[0]!.attributes!.request!.http!;
				assert.deepEqual([headers["x-user"], headers["cookie"], body], ["ada", undefined, "body"]);
				assert.equal((await call("/all-grpc/a", { cookie: "secret=1" }, "body")).status, 200);
				const all = questions[0]!.attributes!.request!.http!;
				assert.deepEqual([all.headers["cookie"], all.body], ["secret=1", ""]);
			});

			await t.test(`${place}: who cannot be asked allows nothing`, async () => {
				assert.equal((await call("/dead")).status, 403);
				const missing = await call("/missing");
				assert.equal(missing.status, 500);
				assert.match(missing.body, /nobody can authorize requests: no Service shop\/nobody/);
				assert.deepEqual(seen, []);
			});

			await t.test(`${place}: an authorizer of another namespace`, async () => {
				const answer = await call("/foreign");
				assert.deepEqual([answer.status, seen.length], isGateway ? [500, 0] : [200, 1]);
			});
		}

		await t.test("with a ReferenceGrant a gateway may ask it too", async () => {
			const grant = {
				apiVersion: "gateway.networking.k8s.io/v1beta1",
				kind: "ReferenceGrant",
				metadata: { name: "ask", namespace: "vault" },
				spec: {
					from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop" }],
					to: [{ group: "", kind: "Service" }],
				},
			};
			control.writeConfig([...objects, grant].map((object) => JSON.stringify(object)).join("\n---\n"));
			const ask = (path: string) => sendRequest({ port: ports.gateway, path, headers: { host: "web" } });
			await eventually(async () => assert.equal((await ask("/foreign")).status, 200), patient);
			assert.equal((await ask("/foreign/denied")).status, 401);
		});
	});
