import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { buildMesh } from "../../src/config/index.ts";
import { readLocalityLabel, type Workload, type WorkloadInstance } from "../../src/model/index.ts";
import { parseObjects } from "./control-mesh.ts";
import { startControlPlane, type TestControlPlane } from "./control-plane.ts";
import { findFreePort } from "./free-port.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";

const examples = resolve(import.meta.dirname, "../../examples");

/** Examples that share one small service; each is in a namespace of its name. */
export function listSmallExamples(): string[] {
	return readdirSync(examples, { withFileTypes: true })
		.filter((entry) => entry.isDirectory() && entry.name !== "shop" && entry.name !== "service")
		.map(({ name }) => name);
}

/** Ports of programs that rules name. */
const outsidePorts = ["7184", "7185", "7186", "7187", "7188", "7189"];

/** Several examples under one control plane. */
export interface RunningExamples {
	readonly control: TestControlPlane;
	/** A request that a workload's application would make, through its sidecar's forward proxy. */
	call(example: string, url: string, options?: ExampleCall): Promise<HttpAnswer>;
	/** Where a program itself listens. */
	applicationPort(example: string, workload: string): number;
	/** Where the gateway of an example listens for a port. */
	gatewayPort(example: string, port: number): number;
	/** Where a sidecar listens for one service port; that of `web` by default. */
	upstreamPort(example: string, service: string, port: number, from?: string): number;
	/** Where the sidecar of a workload shows what it has counted. */
	adminPort(example: string, workload: string): number;
	/** Where the sidecar of a workload takes what comes in. */
	meshPort(example: string, workload: string): number;
}

export interface ExampleCall {
	/** `web` by default. */
	readonly from?: string;
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
}

/** Starts the programs of examples, and sidecars of one kind where an example needs them: beside those that call, and beside those that
 *  are protected. Ports of files are moved to free ones. */
export async function startExamples(
	t: TestContext,
	kind: "amime" | "envoy",
	isProtected: (example: string) => boolean,
): Promise<RunningExamples> {
	const names = listSmallExamples();
	const outside = new Map<string, string>();
	for (const port of outsidePorts) outside.set(port, String(await findFreePort()));
	const texts = new Map(
		names.map((name) => [
			name,
			readdirSync(join(examples, name))
				.filter((file) => file.endsWith(".yaml"))
				.map((file) => readFileSync(join(examples, name, file), "utf8"))
				.join("\n---\n")
				.replace(new RegExp(outsidePorts.join("|"), "g"), (port) => outside.get(port)!)
				// `amime up` runs sidecars in the folder of the example.
				.replace(
					/(?<=(?:serverCertificate|privateKey|caCertificates): )(?=[\w-]+\.(?:pem|key)$)/gm,
					`${join(examples, name)}/`,
				),
		]),
	);
	joinMeshConfigs(texts);
	const control = await startControlPlane(t, "", { xdsTlsAddress: "127.0.0.1:0" });
	for (const [name, text] of texts) {
		mkdirSync(join(control.folder, name));
		writeFileSync(join(control.folder, name, "all.yaml"), text);
	}
	const { mesh } = buildMesh(parseObjects(...texts.values()), [], {});
	const instances = new Map<string, WorkloadInstance>();
	const start = async (workload: Workload): Promise<void> => {
		const { namespace, name } = workload;
		const hasSidecar = name === "web" || isProtected(namespace);
		const declared = String(workload.ports[0]?.port);
		const appPort = [...outside.values()].includes(declared) ? Number(declared) : await findFreePort();
		const httpProxyPort = hasSidecar ? await findFreePort() : undefined;
		startProgram(t, workload, appPort, httpProxyPort);
		const { name: portName, protocol } = workload.ports[0]!;
		const own = mesh.services.filter((service) => service.namespace === namespace && !service.name.includes("*"));
		const upstreams = [];
		for (const service of hasSidecar ? own : [])
			for (const { port } of service.ports)
				upstreams.push({ service: { namespace, name: service.name }, port, listenPort: await findFreePort() });
		const locality = readLocalityLabel(workload.labels);
		const instance: WorkloadInstance = {
			name: `${namespace}-${name}-0`,
			namespace,
			workload: name,
			labels: workload.labels,
			serviceAccount: workload.serviceAccount,
			...(locality !== undefined && { locality }),
			address: "127.0.0.1",
			pattern: hasSidecar ? "sidecar" : "none",
			ports: [{ name: portName, protocol, appPort, meshPort: hasSidecar ? await findFreePort() : appPort }],
			...(hasSidecar && {
				sidecar: kind,
				...(httpProxyPort !== undefined && { httpProxyPort }),
				adminPort: await findFreePort(),
			}),
			upstreams,
			health: "ready",
			registeredAt: 0,
		};
		instances.set(`${namespace}/${name}`, instance);
		await control.register(instance);
	};
	/** The folder of an example is told from the namespace of its Gateway: the proxy of Istio's own is elsewhere. */
	const gateways = new Map<string, WorkloadInstance>();
	for (const proxy of mesh.gatewayProxies) {
		const { namespace, name, labels, serviceAccount, gatewayPorts, gateways: served } = proxy;
		const places = [];
		for (const port of gatewayPorts) places.push({ port, listenPort: await findFreePort() });
		const instance: WorkloadInstance = {
			...{ name: `${name}-0`, namespace, workload: name, labels, serviceAccount },
			...{ address: "127.0.0.1", pattern: "gateway", sidecar: kind, ports: [], upstreams: [] },
			...{ gatewayPorts: places, adminPort: await findFreePort(), health: "ready", registeredAt: 0 },
		};
		for (const { namespace: example } of served) gateways.set(example, instance);
		await control.register(instance);
	}
	await Promise.all(mesh.workloads.map(start));
	// Not all at once: each must be ready in bounded time on a busy machine.
	const waiting = [...[...instances.values()].filter(({ pattern }) => pattern === "sidecar"), ...gateways.values()];
	const adminPorts = new Map<string, number>();
	const startNext = async (): Promise<void> => {
		for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
			adminPorts.set(next.name, (await control.startProxy(t, next, kind)).adminPort);
	};
	await Promise.all([startNext(), startNext(), startNext()]);
	return {
		control,
		call(example, url, { from = "web", method = "GET", headers = {} } = {}) {
			const { httpProxyPort } = instances.get(`${example}/${from}`)!;
			return sendRequest({
				port: httpProxyPort!,
				method,
				path: url,
				headers: { host: new URL(url).host, ...headers },
			});
		},
		applicationPort: (example, workload) => instances.get(`${example}/${workload}`)!.ports[0]!.appPort,
		gatewayPort: (example, port) =>
			gateways.get(example)!.gatewayPorts!.find((candidate) => candidate.port === port)!.listenPort,
		adminPort: (example, workload) => adminPorts.get(`${example}-${workload}-0`)!,
		meshPort: (example, workload) => instances.get(`${example}/${workload}`)!.ports[0]!.meshPort,
		upstreamPort(example, service, port, from = "web") {
			const { upstreams } = instances.get(`${example}/${from}`)!;
			return upstreams.find((upstream) => upstream.service.name === service && upstream.port === port)!.listenPort;
		},
	};
}

/** What examples say of the whole mesh becomes one object: a control plane has one. */
function joinMeshConfigs(texts: Map<string, string>): void {
	const specs: object[] = [];
	for (const [name, text] of texts) {
		const documents = text.split(/^---$/m);
		const rest = documents.filter((document) => !/^kind: MeshConfig$/m.test(document));
		for (const document of documents)
			if (!rest.includes(document)) specs.push((parse(document) as { readonly spec: object }).spec);
		texts.set(name, rest.join("---"));
	}
	const fields = specs.flatMap((spec) => Object.keys(spec));
	assert.equal(new Set(fields).size, fields.length, "no field is said by two");
	const document = { apiVersion: "amime.dev/v1alpha1", kind: "MeshConfig", metadata: { name: "examples" } };
	texts.set("mesh", JSON.stringify({ ...document, spec: Object.assign({}, ...specs) }));
}

function startProgram(
	t: TestContext,
	{ command, env, namespace }: Workload,
	port: number,
	httpProxyPort?: number,
): void {
	const proxy = { HTTP_PROXY: `http://127.0.0.1:${httpProxyPort}`, NO_PROXY: "127.0.0.1", NODE_USE_ENV_PROXY: "1" };
	const child = spawn(process.execPath, command.slice(1), {
		cwd: join(examples, namespace.replace(/-team$/, "")),
		stdio: "ignore",
		env: { ...process.env, ...env, PORT: String(port), ...(httpProxyPort !== undefined && proxy) },
	});
	const gone = once(child, "close");
	t.after(async () => {
		child.kill("SIGKILL");
		await gone;
	});
}
