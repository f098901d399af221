import { setTimeout as sleep } from "node:timers/promises";
import { type ControlClient, createControlClient } from "../../src/agent/control-client/index.ts";
import { createControlPlane } from "../../src/control/index.ts";
import { createLog, MeshError } from "../../src/core/index.ts";
import type { Manifest } from "./golden-folder.ts";

/** The control plane of a replay. */
export interface ReplayMesh {
	readonly xdsTlsPort: number;
	readonly adminUrl: string;
	readonly token: string;
	/** Puts objects in the place of those of the last call; answers with what was refused. */
	apply(manifests: readonly Manifest[]): Promise<readonly string[]>;
	/** Waits until every proxy has answered what it was sent; answers with what proxies refused. */
	settle(ms: number): Promise<readonly string[]>;
	/** `status` of an object, as the admin API gives it. */
	status(kind: string, namespace: string, name: string): Promise<unknown>;
	/** Number of proxies that are connected. */
	connected(): Promise<number>;
}

interface ListedProxy {
	readonly nodeId: string;
	readonly types: readonly { readonly typeUrl: string; readonly state: string; readonly reason?: string }[];
}

/** What the world's mesh is like besides its objects. */
export const meshConfig: Manifest = {
	apiVersion: "amime.dev/v1alpha1",
	kind: "MeshConfig",
	metadata: { name: "golden" },
	spec: {
		rootNamespace: "istio-system",
		proxyHttpPort: 15007,
		enableAutoMtls: false,

		extensionProviders: [
			{ name: "my-authz", envoyExtAuthzHttp: { service: "authz.shop.svc.cluster.local", port: 8000 } },
		],
	} as Manifest["spec"] & object,
};

/** Starts a control plane with a world. Objects are applied one by one, as a cluster takes them: a refused one leaves the others. */
export async function startMesh(world: readonly Manifest[], stateFolder: string): Promise<ReplayMesh> {
	const token = "golden";
	const control = createControlPlane({
		stateFolder,
		xdsAddress: "127.0.0.1:0",
		xdsTlsAddress: "127.0.0.1:0",
		adminAddress: "127.0.0.1:0",
		token,
		log: createLog({ level: "warn", write: (line) => process.stderr.write(line) }),
	});
	await control.start();
	const adminUrl = `http://127.0.0.1:${control.adminPort}`;
	const client = createControlClient({ adminUrl, token });
	const put = (manifest: Manifest): Promise<string[]> => putObject(client, manifest);
	const refused: string[] = [];
	for (const manifest of [meshConfig, ...world]) refused.push(...(await put(withTime(manifest, 0))));
	for (const reason of refused) console.log(`  world: refused: ${reason}`);
	const worldByKey = new Map(world.map((manifest) => [keyOf(manifest), withTime(manifest, 0)]));
	let current: readonly Manifest[] = [];
	return {
		xdsTlsPort: control.xdsTlsPort!,
		adminUrl,
		token,
		async apply(manifests) {
			const kept = new Set(manifests.map(keyOf));
			const problems: string[] = [];
			for (const manifest of current.filter((object) => !kept.has(keyOf(object)))) {
				// What a case puts in the place of an object of the world goes back to what it was.
				const before = worldByKey.get(keyOf(manifest));
				if (before === undefined) await remove(client, manifest);
				else problems.push(...(await put(before)));
			}
			for (const manifest of manifests) problems.push(...(await put(manifest)));
			current = manifests;
			return problems;
		},
		settle: (ms) => settle(client, ms),
		async status(kind, namespace, name) {
			const query = new URLSearchParams({ kind, namespace, name });
			const [item] = (await client.list(`/v1/config?${query}`)) as { readonly status?: unknown }[];
			return item?.status;
		},
		connected: async () => (await client.list("/v1/proxies")).length,
	};
}

/** A manifest as made some seconds after the world. */
export function withTime(manifest: Manifest, seconds: number): Manifest {
	const creationTimestamp = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
	return { ...manifest, metadata: { ...manifest.metadata, creationTimestamp } };
}

function keyOf({ kind, apiVersion, metadata }: Manifest): string {
	return `${apiVersion} ${kind} ${metadata.namespace}/${metadata.name}`;
}

async function putObject(client: ControlClient, manifest: Manifest): Promise<string[]> {
	try {
		await client.request("PUT", "/v1/config", manifest).catch((error: unknown) => {
			// An idle connection that ended under the request; once more on a new one.
			if (error instanceof MeshError && error.code === "CONTROL_PLANE_UNREACHABLE")
				return client.request("PUT", "/v1/config", manifest);
			throw error;
		});
		return [];
	} catch (error) {
		return [`${manifest.kind} ${manifest.metadata.namespace}/${manifest.metadata.name}: ${(error as Error).message}`];
	}
}

async function remove(client: ControlClient, { apiVersion, kind, metadata }: Manifest): Promise<void> {
	const isIstioGateway = kind === "Gateway" && apiVersion.startsWith("networking.istio.io/");
	const path = [isIstioGateway ? "IstioGateway" : kind, metadata.namespace ?? "default", metadata.name]
		.map(encodeURIComponent)
		.join("/");
	// One that was refused is not there.
	await client.request("DELETE", `/v1/config/${path}`).catch(() => undefined);
}

async function settle(client: ControlClient, ms: number): Promise<readonly string[]> {
	const deadline = Date.now() + 20_000;
	for (let quiet = 0; quiet < 2; ) {
		if (Date.now() > deadline) throw new Error("proxies did not answer what they were sent within 20 s");
		await sleep(30);
		const { converged } = (await client.request("GET", "/v1/proxies")) as { converged: boolean };
		quiet = converged ? quiet + 1 : 0;
	}
	await sleep(ms);
	const items = (await client.list("/v1/proxies")) as ListedProxy[];
	return items.flatMap(({ nodeId, types }) =>
		types.flatMap(({ typeUrl, state, reason }) =>
			state === "NACKED" ? [`${nodeId.split("~")[2]} refused ${typeUrl.split(".").at(-1)}: ${reason}`] : [],
		),
	);
}
