import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { buildGrpcBootstrap, writeSvidFiles } from "../../src/agent/supervise/grpc-bootstrap.ts";
import { createRemoteSigner } from "../../src/agent/svid-client/index.ts";
import { createSvidSource, type X509Svid } from "../../src/identity/index.ts";
import { formatSpiffeId, type WorkloadInstance } from "../../src/model/index.ts";
import { type TestControlPlane, testToken } from "./control-plane.ts";
import { eventually } from "./eventually.ts";
import type { ProxylessCommand } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** What one process is asked to call. */
export interface PeerCall {
	/** `reviews.shop.svc.cluster.local:80`. */
	readonly target: string;
	readonly count?: number;
	readonly headers?: Readonly<Record<string, string>>;
	readonly method?: "Echo" | "Admin";
	/** With the channel's credentials from xDS; plain text without. */
	readonly secure?: boolean;
	readonly timeoutMs?: number;
	/** Whether the library may try again by itself; true by default. Of use for grpc-java, where a call that is tried again while its endpoint
	 *  goes now and then hangs past its deadline (grpc-java issue 12456). */
	readonly retries?: boolean;
}

/** A process of a stock gRPC library under the control plane, in one of the languages. */
export interface ProxylessPeer {
	/** The answers of calls one after the other: the name of the server, or `!<status> <message>`. */
	call(call: PeerCall): Promise<string[]>;
	/** Starts an xDS server that answers its name. */
	serve(address: string, name: string, secure: boolean): Promise<void>;
	stderr(): string;
}

/** An SVID of an account, signed by the test's control plane. */
export async function fetchSvid(
	t: TestContext,
	control: TestControlPlane,
	namespace: string,
	serviceAccount: string,
): Promise<X509Svid> {
	const source = createSvidSource({
		spiffeId: formatSpiffeId({ trustDomain: "cluster.local", namespace, serviceAccount }),
		sign: createRemoteSigner({
			adminUrl: `http://127.0.0.1:${control.plane.adminPort}`,
			token: testToken,
			namespace,
			serviceAccount,
		}),
	});
	t.after(() => source.close());
	return eventually(() => {
		const svid = source.current();
		if (svid === undefined) throw new Error("no certificate yet");
		return svid;
	});
}

/** Starts the program of a language as a registered instance. */
export async function startProxylessPeer(
	t: TestContext,
	{ program, args, env }: ProxylessCommand,
	control: TestControlPlane,
	instance: WorkloadInstance,
): Promise<ProxylessPeer> {
	const folder = makeTemporaryFolder(t);
	writeSvidFiles(folder, await fetchSvid(t, control, instance.namespace, instance.serviceAccount));
	const path = join(folder, "bootstrap.json");
	const bootstrap = buildGrpcBootstrap({
		instance,
		xdsAddresses: [`127.0.0.1:${control.plane.xdsPort}`],
		certificateFolder: folder,
		meshName: "test",
		clusterDomain: "cluster.local",
	});
	writeFileSync(path, JSON.stringify(bootstrap));
	const child = spawn(program, args, {
		stdio: ["pipe", "pipe", "pipe"],
		env: { ...process.env, ...env, GRPC_XDS_BOOTSTRAP: path, GRPC_XDS_EXPERIMENTAL_RBAC: "true" },
	});
	let errors = "";
	child.stderr.on("data", (bytes: Buffer) => {
		errors = (errors + String(bytes)).slice(-20_000);
	});
	const waiting = new Map<number, (results: string[]) => void>();
	let isEnded = false;
	createInterface({ input: child.stdout }).on("line", (line) => {
		const { id, results } = JSON.parse(line) as { readonly id: number; readonly results: string[] };
		waiting.get(id)?.(results);
		waiting.delete(id);
	});
	const ended = new Promise<void>((resolve) =>
		child.once("close", () => {
			isEnded = true;
			for (const answer of waiting.values()) answer([`! the process ended: ${errors}`]);
			resolve();
		}),
	);
	t.after(async () => {
		child.kill("SIGKILL");
		await ended;
	});
	let lastId = 0;
	const ask = (command: object): Promise<string[]> => {
		if (isEnded) return Promise.resolve([`! the process has ended: ${errors}`]);
		const id = ++lastId;
		const { promise, resolve } = Promise.withResolvers<string[]>();
		waiting.set(id, resolve);
		child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
		return promise;
	};
	return {
		call: ({ target, count = 1, headers = {}, method = "Echo", secure = true, timeoutMs = 20_000, retries = true }) =>
			ask({ do: "call", target: `xds:///${target}`, count, headers, method, secure, timeoutMs, retries }),
		async serve(address, name, secure) {
			const results = await ask({ do: "serve", address, name, secure });
			if (results[0] !== "serving") throw new Error(results.join());
		},
		stderr: () => errors,
	};
}
