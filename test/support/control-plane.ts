import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createSecretServer } from "../../src/agent/secret-server/index.ts";
import { buildBootstrap } from "../../src/agent/supervise/bootstrap.ts";
import { createRemoteSigner } from "../../src/agent/svid-client/index.ts";
import { type ControlPlane, type ControlPlaneOptions, createControlPlane } from "../../src/control/index.ts";
import { silentLog } from "../../src/core/index.ts";
import { createSvidSource } from "../../src/identity/index.ts";
import { formatSpiffeId, type WorkloadInstance } from "../../src/model/index.ts";
import { findFreePort } from "./free-port.ts";
import { type HttpAnswer, sendRequest } from "./http-call.ts";
import { startProxyProcess } from "./proxy-process.ts";
import { type RunningEnvoy, startEnvoy } from "./running-envoy.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** The token of every test control plane's admin API. */
export const testToken = "test-token";
const token = testToken;

/** What amime's sidecars and stock Envoys have in common. */
export interface TestSidecar {
	readonly adminPort: number;
	/** What it wrote so far, access logs included. */
	output(): string;
}

/** A control plane in this process, on a folder of its own, closed with the test. */
export interface TestControlPlane {
	readonly plane: ControlPlane;
	/** The folder of config, with `mesh.yaml` in it. */
	readonly folder: string;
	readonly stateFolder: string;
	writeConfig(text: string, file?: string): void;
	admin(method: string, path: string, body?: string): Promise<HttpAnswer>;
	items<T>(path: string): Promise<T[]>;
	register(instance: WorkloadInstance): Promise<void>;
	deregister(instance: WorkloadInstance): Promise<void>;
	/** The socket of a server that has the secrets of a service account. */
	serveSecrets(t: TestContext, account: Pick<WorkloadInstance, "namespace" | "serviceAccount">): Promise<string>;
	/** A stock Envoy as the sidecar of a registered instance, with secrets from this control plane's authority. */
	startSidecar(t: TestContext, instance: WorkloadInstance): Promise<RunningEnvoy>;
	/** The same of either kind, as far as it can be called the same. */
	startProxy(t: TestContext, instance: WorkloadInstance, kind: "amime" | "envoy"): Promise<TestSidecar>;
}

export async function startControlPlane(
	t: TestContext,
	config: string,
	change: Partial<ControlPlaneOptions> = {},
): Promise<TestControlPlane> {
	const root = makeTemporaryFolder(t);
	const folder = join(root, "mesh");
	const stateFolder = join(root, "state");
	mkdirSync(folder);
	const writeConfig = (text: string, file = "mesh.yaml"): void => writeFileSync(join(folder, file), text);
	writeConfig(config);
	const plane = createControlPlane({
		configFolder: folder,
		stateFolder,
		xdsAddress: "127.0.0.1:0",
		adminAddress: "127.0.0.1:0",
		token,
		log: silentLog,
		...change,
	});
	await plane.start();
	t.after(() => plane.close());
	const adminUrl = `http://127.0.0.1:${plane.adminPort}`;
	const admin = (method: string, path: string, body?: string): Promise<HttpAnswer> =>
		sendRequest({
			port: plane.adminPort,
			method,
			path,
			headers: { authorization: `Bearer ${token}` },
			...(body !== undefined && { body }),
			// Programs that start at the same time may take a busy machine for long.
			timeoutMs: 60_000,
		});
	const serveSecrets = async (
		context: TestContext,
		{ namespace, serviceAccount }: Pick<WorkloadInstance, "namespace" | "serviceAccount">,
	): Promise<string> => {
		const svid = createSvidSource({
			spiffeId: formatSpiffeId({ trustDomain: "cluster.local", namespace, serviceAccount }),
			sign: createRemoteSigner({ adminUrl, token, namespace, serviceAccount }),
		});
		context.after(() => svid.close());
		const secretSocket = join(root, `${randomUUID()}.sock`);
		const secrets = createSecretServer({ socketPath: secretSocket, svid });
		await secrets.start();
		context.after(() => secrets.close());
		return secretSocket;
	};
	const prepareBootstrap = async (context: TestContext, instance: WorkloadInstance) => {
		const secretSocket = await serveSecrets(context, instance);
		return buildBootstrap({
			instance,
			...(instance.pattern === "gateway"
				? {
						xdsAddresses: [`127.0.0.1:${plane.xdsTlsPort}`],
						xdsServerId: "spiffe://cluster.local/amime/server",
					}
				: { xdsAddresses: [`127.0.0.1:${plane.xdsPort}`] }),
			secretSocket,
			meshName: "test",
			clusterDomain: "cluster.local",
		});
	};
	return {
		plane,
		folder,
		stateFolder,
		writeConfig,
		admin,
		items: async <T>(path: string) => (JSON.parse((await admin("GET", path)).body) as { items: T[] }).items,
		async register(instance) {
			const path = `/v1/instances/${instance.namespace}/${instance.name}`;
			const answer = await admin("PUT", path, JSON.stringify({ ...instance, leaseTtlMs: 60_000 }));
			if (answer.status !== 200) throw new Error(answer.body);
		},
		async deregister(instance) {
			await admin("DELETE", `/v1/instances/${instance.namespace}/${instance.name}`);
		},
		serveSecrets,
		startSidecar: async (context, instance) => startEnvoy(context, await prepareBootstrap(context, instance)),
		async startProxy(context, instance, kind) {
			const bootstrap = await prepareBootstrap(context, instance);
			if (kind === "envoy") return startEnvoy(context, bootstrap);
			const { admin: _, ...rest } = bootstrap;
			return startProxyProcess(context, kind, makeTemporaryFolder(context), rest);
		},
	};
}

/** An application on a loopback port, closed with the test. */
export async function startApplication(
	t: TestContext,
	answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
	const server = createServer(answer);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return (server.address() as AddressInfo).port;
}

/** An instance of a workload with one HTTP port, on free ports. */
export async function createRunningInstance(
	workload: string,
	appPort: number,
	services: readonly string[] = [],
	change: Partial<WorkloadInstance> = {},
): Promise<WorkloadInstance> {
	const upstreams = [];
	for (const name of services)
		upstreams.push({ service: { namespace: "shop", name }, port: 80, listenPort: await findFreePort() });
	return {
		name: `${workload}-0`,
		namespace: "shop",
		workload,
		labels: { app: workload },
		serviceAccount: workload,
		address: "127.0.0.1",
		pattern: "sidecar",
		sidecar: "envoy",
		ports: [{ name: "http", protocol: "http", appPort, meshPort: await findFreePort() }],
		httpProxyPort: await findFreePort(),
		upstreams,
		adminPort: await findFreePort(),
		health: "ready",
		registeredAt: 0,
		...change,
	};
}
