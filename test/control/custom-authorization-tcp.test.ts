/** AuthorizationPolicies with the action CUSTOM on a port that carries no HTTP: a gRPC provider is asked about connections, before amime's
 *  sidecars and stock Envoys. */
import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
	type CheckRequest,
	CheckRequestSchema,
	CheckResponseSchema,
} from "../../src/api/gen/envoy/service/auth/v3/external_auth_pb.js";
import { createRunningInstance, startControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { findFreePort } from "../support/free-port.ts";
import { startGrpcService } from "../support/grpc-service.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import { talk } from "../support/tcp-talk.ts";

const patient = { deadlineMs: 60_000 };

interface Choice {
	readonly provider: "asked" | "dead" | "open" | "nobody";
	/** Whom the policy is about. */
	readonly account: string;
	readonly deniesAccount?: string;
}

function describeMesh({ provider, account, deniesAccount }: Choice, askedPort: number, deadPort: number): string {
	const workload = (name: string, ports: object[]): object => ({
		apiVersion: "amime.dev/v1alpha1",
		kind: "Workload",
		metadata: { name, namespace: "shop", labels: { app: name } },
		spec: { command: ["none"], serviceAccount: name, ports },
	});
	const principals = (name: string) => [{ from: [{ source: { principals: [`cluster.local/ns/shop/sa/${name}`] } }] }];
	const policy = (name: string, spec: object): object => ({
		apiVersion: "security.istio.io/v1",
		kind: "AuthorizationPolicy",
		metadata: { name, namespace: "shop" },
		spec: { selector: { matchLabels: { app: "ledger" } }, ...spec },
	});
	const at = (name: string, port: number) => ({ service: `${name}.example`, port, timeout: "5s" });
	const objects: object[] = [
		{
			apiVersion: "amime.dev/v1alpha1",
			kind: "MeshConfig",
			metadata: { name: "test" },
			spec: {
				extensionProviders: [
					{ name: "asked", envoyExtAuthzGrpc: at("asked", askedPort) },
					{ name: "dead", envoyExtAuthzGrpc: at("dead", deadPort) },
					{ name: "open", envoyExtAuthzGrpc: { ...at("dead", deadPort), failOpen: true } },
				],
			},
		},
		workload("web", [{ name: "http", protocol: "http" }]),
		workload("ledger", [{ name: "tcp", protocol: "tcp" }]),
		{
			apiVersion: "v1",
			kind: "Service",
			metadata: { name: "ledger", namespace: "shop" },
			spec: {
				selector: { app: "ledger" },
				ports: [{ name: "tcp", port: 5000, targetPort: "tcp", appProtocol: "tcp" }],
			},
		},
		...(["asked", "dead"] as const).map((name) => ({
			apiVersion: "networking.istio.io/v1",
			kind: "ServiceEntry",
			metadata: { name, namespace: "shop" },
			spec: {
				hosts: [`${name}.example`],
				ports: [{ number: name === "asked" ? askedPort : deadPort, name: "grpc", protocol: "GRPC" }],
				resolution: "STATIC",
				endpoints: [{ address: "127.0.0.1" }],
			},
		})),
		policy("asks", { action: "CUSTOM", provider: { name: provider }, rules: principals(account) }),
		...(deniesAccount === undefined ? [] : [policy("denies", { action: "DENY", rules: principals(deniesAccount) })]),
	];
	return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

/** Says everything again, and keeps what it heard. */
async function startEcho(t: TestContext): Promise<{ readonly port: number; readonly heard: string[] }> {
	const heard: string[] = [];
	const server = createServer((socket) => {
		socket.on("error", () => undefined);
		socket.on("data", (data) => {
			heard.push(data.toString("latin1"));
			socket.write(data);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => void server.close());
	return { port: (server.address() as AddressInfo).port, heard };
}

for (const kind of ["amime", "envoy"] as const)
	test(`a provider decides about connections, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const questions: CheckRequest[] = [];
		let code = 0;
		const { port: askedPort } = await startGrpcService(t, {
			onMessage(call, message) {
				questions.push(fromBinary(CheckRequestSchema, message));
				call.send(toBinary(CheckResponseSchema, create(CheckResponseSchema, { status: { code } })));
				call.finish();
			},
		});
		const deadPort = await findFreePort();
		const echo = await startEcho(t);
		const describe = (choice: Choice): string => describeMesh(choice, askedPort, deadPort);
		const control = await startControlPlane(t, describe({ provider: "asked", account: "web" }));
		const listenPort = await findFreePort();
		const web = await createRunningInstance("web", 1, [], {
			upstreams: [{ service: { namespace: "shop", name: "ledger" }, port: 5000, listenPort }],
		});
		const ledger = await createRunningInstance("ledger", echo.port, [], {
			ports: [{ name: "tcp", protocol: "tcp", appPort: echo.port, meshPort: await findFreePort() }],
		});
		for (const instance of [web, ledger]) await control.register(instance);
		for (const instance of [web, ledger]) await control.startProxy(t, instance, kind);
		/** What comes back of `ping`; empty for a connection that was closed. */
		const ping = async (): Promise<string> => {
			questions.splice(0);
			echo.heard.splice(0);
			return (await talk({ port: listenPort, send: [{ bytes: "ping" }], until: "ping" })).heard;
		};

		await t.test("consent: the connection goes on, and the provider knew who it is", async () => {
			await eventually(async () => assert.equal(await ping(), "ping"), patient);
			assert.equal(questions.length, 1);
			const { source, destination } = questions[0]!.attributes!;
			assert.equal(source!.principal, "spiffe://cluster.local/ns/shop/sa/web");
			assert.equal(destination!.principal, "spiffe://cluster.local/ns/shop/sa/ledger");
		});

		await t.test("refusal: nothing reaches the application", async () => {
			code = 7;
			assert.equal(await ping(), "");
			assert.deepEqual([questions.length, echo.heard], [1, []]);
			code = 0;
		});

		await t.test("who no rule is about is not asked for; consent does not outdo DENY", async () => {
			control.writeConfig(describe({ provider: "asked", account: "catalog" }));
			await eventually(async () => assert.deepEqual([await ping(), questions.length], ["ping", 0]), patient);
			control.writeConfig(describe({ provider: "asked", account: "web", deniesAccount: "web" }));
			await eventually(async () => assert.deepEqual([await ping(), questions.length], ["", 1]), patient);
			assert.deepEqual(echo.heard, []);
		});

		await t.test(
			"who does not answer refuses, unless the provider fails open; one that nobody described refuses",
			async () => {
				for (const [provider, wanted] of [
					["open", "ping"],
					["dead", ""],
					["asked", "ping"],
					["nobody", ""],
				] as const) {
					control.writeConfig(describe({ provider, account: "web" }));
					await eventually(async () => assert.equal(await ping(), wanted, provider), patient);
				}
			},
		);
	});
