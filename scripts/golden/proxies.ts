import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import { createSecretServer } from "../../src/agent/secret-server/index.ts";
import { createRemoteSigner } from "../../src/agent/svid-client/index.ts";
import { createSvidSource } from "../../src/identity/index.ts";
import { formatSpiffeId } from "../../src/model/index.ts";
import { adsResources, http2Cluster, overMutualTls } from "../../test/support/bootstraps.ts";
import type { ProxyPlace } from "./golden-folder.ts";
import { proxyGroup } from "./network.ts";

export type DataPlane = "amime" | "envoy";

export interface ProxiesOptions {
	readonly dataPlane: DataPlane;
	/** The Envoy binary. */
	readonly envoy: string | undefined;
	/** Of xDS over mutual TLS: gateways get their Secrets. */
	readonly xdsTlsPort: number;
	readonly adminUrl: string;
	readonly token: string;
	readonly scratch: string;
}

/** The running proxies of a world. */
export interface Proxies {
	/** Names of those that ended by themselves. */
	dead(): readonly string[];
	/** The last lines of a proxy's log. */
	tail(name: string): string;
	/** The whole configuration of every proxy, into a folder. */
	dump(folder: string): void;
	stop(): void;
}

/** Starts a proxy in each place, with its identity over SDS, under the control plane. */
export async function startProxies(places: readonly ProxyPlace[], options: ProxiesOptions): Promise<Proxies> {
	const xdsSocket = join(options.scratch, "xds.sock");
	await relay(xdsSocket, options.xdsTlsPort);
	const children = new Map<string, ChildProcess>();
	const ended: string[] = [];
	for (const place of places) {
		const secretSocket = await serveSecrets(place, options);
		const bootstrap = join(options.scratch, `${place.name}.json`);
		writeFileSync(bootstrap, JSON.stringify(buildBootstrap(place, xdsSocket, secretSocket)));
		const child = startProxy(place, bootstrap, options);
		child.on("exit", () => ended.push(place.name));
		children.set(place.name, child);
	}
	const tail = (name: string): string =>
		readFileSync(logOf(name, options), "utf8").trimEnd().split("\n").slice(-12).join("\n");
	return {
		dead: () => ended,
		tail,
		dump(folder) {
			mkdirSync(folder, { recursive: true });
			for (const { name } of places) {
				const url = "http://127.0.0.1:15000/config_dump?include_eds";
				const text = execFileSync("ip", ["netns", "exec", name, "curl", "-s", url], { maxBuffer: 1 << 28 });
				writeFileSync(join(folder, `${name}.json`), text);
				writeFileSync(join(folder, `${name}.log`), readFileSync(logOf(name, options)));
			}
		},
		stop() {
			for (const child of children.values()) child.kill("SIGKILL");
		},
	};
}

function logOf(name: string, { scratch }: ProxiesOptions): string {
	return join(scratch, `${name}.log`);
}

function startProxy(place: ProxyPlace, bootstrap: string, options: ProxiesOptions): ChildProcess {
	const drain = ["--drain-time-s", "1", "--drain-strategy", "immediate"];
	const command =
		options.dataPlane === "envoy"
			? [options.envoy!, "-c", bootstrap, "--disable-hot-restart", "--concurrency", "1", "-l", "warning", ...drain]
			: [resolve(import.meta.dirname, "../../bin/amime"), "proxy", "-c", bootstrap, "-l", "info", ...drain];
	const log = openSync(logOf(place.name, options), "w");
	const child = spawn("ip", ["netns", "exec", place.name, ...command], {
		gid: proxyGroup,
		stdio: ["ignore", log, log],
	});
	closeSync(log);
	return child;
}

/** The control plane answers on loopback only, which other network namespaces do not share; unix sockets they do. */
async function relay(path: string, port: number): Promise<void> {
	const server = createServer((socket) => {
		const upstream = connect(port, "127.0.0.1");
		socket.pipe(upstream).pipe(socket);
		socket.on("error", () => upstream.destroy());
		upstream.on("error", () => socket.destroy());
	});
	await new Promise<void>((done) => server.listen(path, done));
}

async function serveSecrets(place: ProxyPlace, { adminUrl, token, scratch }: ProxiesOptions): Promise<string> {
	const namespace = place.pod.metadata.namespace!;
	const serviceAccount = place.pod.spec?.serviceAccountName ?? "default";
	const svid = createSvidSource({
		spiffeId: formatSpiffeId({ trustDomain: "cluster.local", namespace, serviceAccount }),
		sign: createRemoteSigner({ adminUrl, token, namespace, serviceAccount }),
	});
	const server = createSecretServer({ socketPath: join(scratch, "run", `${place.name}.sock`), svid });
	await server.start();
	return server.socketPath;
}

/** The bootstrap of a proxy whose node says what Istio's agent would. */
function buildBootstrap(place: ProxyPlace, xdsSocket: string, secretSocket: string): object {
	const { name, namespace = "default", labels = {} } = place.pod.metadata;
	return {
		node: {
			id: `${place.type}~${place.address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
			cluster: `${place.name}.${namespace}`,
			locality: { region: place.region, zone: place.zone },
			metadata: {
				NAME: name,
				NAMESPACE: namespace,
				LABELS: labels,
				SERVICE_ACCOUNT: place.pod.spec?.serviceAccountName ?? "default",
				CLUSTER_ID: "Kubernetes",
				INSTANCE_IPS: place.address,
				...(place.type === "sidecar" && { INTERCEPTION_MODE: "REDIRECT" }),
			},
		},
		admin: { address: { socket_address: { address: "127.0.0.1", port_value: 15000 } } },
		dynamic_resources: adsResources("ads"),
		static_resources: {
			clusters: [overMutualTls(http2Cluster("ads", pipe(xdsSocket))), http2Cluster("sds", pipe(secretSocket))],
		},
	};
}

function pipe(path: string): { readonly pipe: { readonly path: string } } {
	return { pipe: { path } };
}
