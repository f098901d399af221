/** AuthorizationPolicies with the action CUSTOM, with authorizers that answer over HTTP and gRPC, before amime's sidecars and stock Envoys. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../src/api/gen/envoy/config/core/v3/base_pb.js";
import {
	type CheckRequest,
	CheckRequestSchema,
	CheckResponseSchema,
} from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { createRunningInstance, startApplication, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { sendRequest } from "../support/http-call.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";

const patient = { deadlineMs: 60_000 };

const authorizers = ["http-authz", "grpc-authz", "silent-authz", "dead-authz"] as const;
type Authorizer = (typeof authorizers)[number];

function describeMesh(ports: Readonly<Record<Authorizer, number>>): string {
	const at = (name: Authorizer) => ({ service: `${name}.example`, port: ports[name] });
	const policy = (name: string, spec: object): object => ({
		apiVersion: "security.istio.io/v1",
		kind: "AuthorizationPolicy",
		metadata: { name, namespace: "shop" },
		spec: { selector: { matchLabels: { app: "orders" } }, ...spec },
	});
	const custom = (provider: string, ...paths: string[]): object =>
		policy(`custom-${provider}`, {
			action: "CUSTOM",
			provider: { name: provider },
			rules: [{ to: [{ operation: { paths } }] }],
		});
	const workload = (name: string, more: object = {}): object[] => [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "Workload",
			metadata: { name, namespace: "shop", labels: { app: name } },
			spec: { command: ["none"], serviceAccount: name, ports: [{ name: "http", protocol: "http" }], ...more },
		},
		{
			apiVersion: "v1",
			kind: "Service",
			metadata: { name, namespace: "shop" },
			spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
		},
	];
	const objects: object[] = [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "MeshConfig",
			metadata: { name: "test" },
			spec: {
				extensionProviders: [
					{
						name: "http",
						envoyExtAuthzHttp: {
							...at("http-authz"),
							pathPrefix: "/check",
							includeRequestHeadersInCheck: ["*-user", "x-answer"],
							includeAdditionalHeadersInCheck: { "x-mesh": "shop" },
							includeRequestBodyInCheck: { maxRequestBytes: 8, allowPartialMessage: true },
							headersToUpstreamOnAllow: ["x-checked-*"],
							headersToDownstreamOnAllow: ["x-granted"],
							headersToDownstreamOnDeny: ["x-why"],
						},
					},
					{
						name: "whole",
						envoyExtAuthzHttp: { ...at("http-authz"), includeRequestBodyInCheck: { maxRequestBytes: 8 } },
					},
					{ name: "grpc", envoyExtAuthzGrpc: { ...at("grpc-authz"), timeout: "5s" } },
					{ name: "late-closed", envoyExtAuthzHttp: { ...at("silent-authz"), timeout: "0.3s" } },
					{ name: "late-open", envoyExtAuthzGrpc: { ...at("silent-authz"), timeout: "0.3s", failOpen: true } },
					{ name: "dead-closed", envoyExtAuthzGrpc: { ...at("dead-authz"), statusOnError: "503" } },
					{ name: "dead-open", envoyExtAuthzHttp: { ...at("dead-authz"), failOpen: true } },
				],
			},
		},
		...workload("web"),
		...workload("orders"),
		...authorizers.map((name) => ({
			apiVersion: "networking.istio.io/v1",
			kind: "ServiceEntry",
			metadata: { name, namespace: "shop" },
			spec: {
				hosts: [`${name}.example`],
				ports: [{ number: ports[name], name: "authz", protocol: name === "grpc-authz" ? "GRPC" : "HTTP" }],
				resolution: "STATIC",
				endpoints: [{ address: "127.0.0.1" }],
			},
		})),
		custom("http", "/http/*"),
		custom("whole", "/whole/*"),
		custom("grpc", "/grpc/*"),
		custom("late-closed", "/late-closed"),
		custom("late-open", "/late-open"),
		custom("dead-closed", "/dead-closed"),
		custom("dead-open", "/dead-open"),
		custom("nobody", "/unknown"),
		policy("never", { action: "DENY", rules: [{ to: [{ operation: { paths: ["/http/never", "/grpc/never"] } }] }] }),
		policy("callers", { action: "ALLOW", rules: [{ to: [{ operation: { methods: ["GET", "POST"] } }] }] }),
	];
	return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

interface Asked {
	readonly what: string;
	readonly headers: Readonly<Record<string, unknown>>;
	readonly body: string;
}

/** An authorizer that answers over HTTP as the header `x-answer` says. */
async function startHttpAuthorizer(t: TestContext, asked: Asked[]): Promise<number> {
	return await startApplication(t, (request, response) => {
		let body = "";
		request.on("data", (bytes: Buffer) => {
			body += bytes.toString("latin1");
		});
		request.on("end", () => {
			asked.push({ what: `${request.method} ${request.url}`, headers: request.headers, body });
			const answer = request.headers["x-answer"];
			const status = answer === undefined ? 200 : Number(answer);
			const told = { "x-checked-user": "ada", "x-granted": "yes", "x-why": "not today", "x-internal": "secret" };
			response.writeHead(status, told).end(status === 200 ? "" : `the authorizer says ${status}\n`);
		});
	});
}

/** The same over gRPC. */
async function startGrpcAuthorizer(t: TestContext, asked: CheckRequest[]): Promise<number> {
	const set = (key: string, value: string) => ({
		header: { key, value },
		appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD,
	});
	const { port } = await startGrpcService(t, {
		onMessage(call, message) {
			const question = fromBinary(CheckRequestSchema, message);
			asked.push(question);
			const answer = question.attributes?.request?.http?.headers["x-answer"];
			if (answer === "broken") {
				call.finish(13, "broken");
				return;
			}
			const response =
				answer === undefined
					? create(CheckResponseSchema, {
							status: { code: 0 },
							httpResponse: {
								case: "okResponse",
								value: {
									headers: [set("x-checked-user", "ada")],
									headersToRemove: ["x-user"],
									responseHeadersToAdd: [set("x-granted", "yes")],
								},
							},
						})
					: create(CheckResponseSchema, {
							status: { code: 7 },
							httpResponse: {
								case: "deniedResponse",
								value: {
									status: { code: Number(answer) },
									headers: [set("x-why", "not today")],
									body: `the authorizer says ${answer}\n`,
								},
							},
						});
			call.send(toBinary(CheckResponseSchema, response));
			call.finish();
		},
	});
	return port;
}

/** Takes connections and never answers. */
async function startSilence(t: TestContext): Promise<number> {
	const server = createServer(() => undefined);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close().closeAllConnections());
	return (server.address() as AddressInfo).port;
}

for (const kind of ["amime", "envoy"] as const)
	test(`authorizers of others are asked and obeyed, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const asked: Asked[] = [];
		const questions: CheckRequest[] = [];
		const seen: { readonly what: string; readonly headers: Readonly<Record<string, unknown>> }[] = [];
		const application = await startApplication(t, (request, response) => {
			request.resume();
			request.on("end", () => {
				seen.push({ what: `${request.method} ${request.url}`, headers: request.headers });
				response.setHeader("x-granted", "by the application").end("here");
			});
		});
		const ports = {
			"http-authz": await startHttpAuthorizer(t, asked),
			"grpc-authz": await startGrpcAuthorizer(t, questions),
			"silent-authz": await startSilence(t),
			"dead-authz": await findFreePort(),
		};
		const control = await startControlPlane(t, describeMesh(ports));
		const web = await createRunningInstance("web", application);
		const orders = await createRunningInstance("orders", application);
		for (const instance of [web, orders]) await control.register(instance);
		for (const instance of [web, orders]) await control.startProxy(t, instance, kind);
		const call = (path: string, headers: Record<string, string> = {}, method = "GET", body?: string) => {
			for (const list of [asked, questions, seen]) list.splice(0);
			return sendRequest({
				port: web.httpProxyPort!,
				path: `http://orders${path}`,
				method,
				headers: { host: "orders", ...headers },
				...(body !== undefined && { body }),
			});
		};
		await eventually(async () => assert.equal((await call("/free")).status, 200), patient);

		await t.test("who is not covered by a rule is not asked about", async () => {
			await call("/free");
			assert.equal(asked.length + questions.length, 0);
		});

		await t.test("consent over HTTP: the application and the client get what the provider lists", async () => {
			const headers = { "x-user": "ada", cookie: "secret=1", "x-checked-role": "forged" };
			const answer = await call("/http/a?b=1", headers);
			assert.equal(answer.status, 200, answer.body);
			assert.match(String(answer.headers["x-granted"]), /yes/);
			assert.equal(asked.length, 1);
			assert.equal(asked[0]!.what, "GET /check/http/a?b=1");
			assert.equal(asked[0]!.headers["x-user"], "ada");
			assert.equal(asked[0]!.headers["x-mesh"], "shop");
			assert.equal(asked[0]!.headers["cookie"], undefined);
			assert.equal(seen[0]!.headers["x-checked-user"], "ada");
			assert.equal(seen[0]!.headers["x-internal"], undefined);
			assert.equal(answer.headers["x-why"], undefined);
		});

		await t.test("refusal over HTTP: status, body and listed headers are the authorizer's", async () => {
			for (const status of ["401", "403", "302"]) {
				const answer = await call("/http/a", { "x-answer": status });
				assert.equal(answer.status, Number(status));
				assert.equal(answer.body, `the authorizer says ${status}\n`);
				assert.equal(answer.headers["x-why"], "not today");
				assert.equal(answer.headers["x-internal"], undefined);
				assert.deepEqual(seen, []);
			}
			// What fails is no consent.
			assert.equal((await call("/http/a", { "x-answer": "500" })).status, 403);
			assert.deepEqual(seen, []);
		});

		await t.test("as much of the body is shown as the provider says", async () => {
			assert.equal((await call("/http/a", {}, "POST", "0123456789")).status, 200);
			assert.equal(asked[0]!.body, "01234567");
			assert.equal(asked[0]!.headers["x-envoy-auth-partial-body"], "true");
			assert.equal((await call("/whole/a", {}, "POST", "01234567")).status, 200);
			assert.equal(asked[0]!.body, "01234567");
			assert.equal((await call("/whole/a", {}, "POST", "0123456789")).status, 413);
			assert.deepEqual([asked, seen], [[], []]);
		});

		await t.test("consent and refusal over gRPC", async () => {
			const answer = await call("/grpc/a", { "x-user": "ada" });
			assert.equal(answer.status, 200, answer.body);
			assert.match(String(answer.headers["x-granted"]), /yes/);
			assert.equal(seen[0]!.headers["x-checked-user"], "ada");
			assert.equal(seen[0]!.headers["x-user"], undefined);
			const { source, request } = questions[0]!.attributes!;
			assert.equal(source!.principal, "spiffe://cluster.local/ns/shop/sa/web");
			assert.equal(request!.http!.path, "/grpc/a");
			const denied = await call("/grpc/a", { "x-answer": "401" });
			assert.equal(denied.status, 401);
			assert.equal(denied.body, "the authorizer says 401\n");
			assert.equal(denied.headers["x-why"], "not today");
			assert.equal((await call("/grpc/a", { "x-answer": "broken" })).status, 403);
			assert.deepEqual(seen, []);
		});

		await t.test("who does not answer refuses, unless the provider fails open", async () => {
			assert.equal((await call("/late-closed")).status, 403);
			assert.equal((await call("/dead-closed")).status, 503);
			assert.deepEqual(seen, []);
			assert.equal((await call("/late-open")).status, 200);
			assert.equal((await call("/dead-open")).status, 200);
		});

		await t.test("a provider that nobody described refuses, where its policy applies", async () => {
			assert.equal((await call("/unknown")).status, 403);
			assert.deepEqual(seen, []);
		});

		await t.test("CUSTOM is judged first; consent does not outdo DENY, nor an ALLOW that does not match", async () => {
			assert.equal((await call("/http/never", { "x-answer": "401" })).status, 401);
			for (const path of ["/http/never", "/grpc/never"]) {
				const denied = await call(path);
				assert.equal(denied.status, 403);
				assert.match(denied.body, /never/);
				assert.equal(asked.length + questions.length, 1, path);
			}
			assert.equal((await call("/http/a", {}, "DELETE")).status, 403);
			assert.equal(asked.length, 1);
			assert.deepEqual(seen, []);
		});

		await t.test("no spelling of a path gets past the question", async () => {
			for (const path of ["//http/a", "/x/../http/a", "/http%2fa", "/%68ttp/a", "/http;x/a", "/./http/a"]) {
				const answer = await call(path, { "x-answer": "401" });
				assert.ok(answer.status === 401 || answer.status === 400 || answer.status === 404, `${path}: ${answer.status}`);
				assert.deepEqual(seen, [], path);
			}
		});
	});
