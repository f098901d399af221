import { Agent, request } from "node:https";
import type { PeerCertificate } from "node:tls";
import { exchangeHttp, type HttpExchange, MeshError } from "../../core/index.ts";
import type { X509Svid } from "../../identity/index.ts";

/** Options of a client. */
export interface AgentClientOptions {
	/** `host:port` of a control plane's agent address; several are tried in turn. */
	readonly servers: readonly string[];
	readonly trustDomain: string;
	/** PEM of the roots to begin with. */
	readonly bundle: string;
}

/** Asks a control plane as a node. Calls reject with MeshError `CONTROL_PLANE_UNREACHABLE`, or the code of its refusal. */
export interface AgentClient {
	request(method: "GET" | "POST", path: string, body?: unknown, options?: CallOptions): Promise<unknown>;
	/** Shows this certificate from here on, and trusts its bundle. */
	useSvid(svid: Pick<X509Svid, "certificateChainPem" | "privateKeyPem" | "bundlePem">): void;
	/** Trusts these roots from here on. */
	useBundle(bundlePem: string): void;
	/** PEM of the roots that it began with. */
	readonly firstBundle: string;
	close(): void;
}

/** One call. */
export interface CallOptions {
	/** 10 s by default. */
	readonly timeoutMs?: number;
	readonly signal?: AbortSignal;
}

const maxAnswerBytes = 64 * 1024 * 1024;

/** Creates a client. The control plane shows `spiffe://<trust domain>/amime/server`, by the trust domain's roots, or is none. */
export function createAgentClient(options: AgentClientOptions): AgentClient {
	const { servers, trustDomain } = options;
	const serverName = `URI:spiffe://${trustDomain}/amime/server`;
	let identity: { readonly cert: string; readonly key: string } | undefined;
	let ca = options.bundle;
	let agent = createConnections();
	let current = 0;

	function createConnections(): Agent {
		return new Agent({
			keepAlive: true,
			maxSockets: 16,
			minVersion: "TLSv1.3",
			ca,
			...identity,
			checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
				isServer(certificate.subjectaltname)
					? undefined
					: new Error(`the peer is '${certificate.subjectaltname ?? ""}', not '${serverName}'`),
		});
	}

	/** Of its names one is a URI; Node puts a name that could be taken for several in quotes. */
	function isServer(names = ""): boolean {
		const uris = names.split(", ").filter((name) => name.startsWith("URI:"));
		return uris.length === 1 && uris[0] === serverName;
	}

	function reconnect(): void {
		const old = agent;
		agent = createConnections();
		// Calls under way end by themselves: idle connections go now, the others when their answer is there.
		for (const sockets of Object.values(old.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
	}

	async function exchange(
		method: string,
		path: string,
		body: unknown,
		{ timeoutMs = 10_000, signal }: CallOptions,
	): Promise<HttpExchange> {
		const server = servers[current % servers.length]!;
		const text = body === undefined ? undefined : JSON.stringify(body);
		const call = request(new URL(path, `https://${server}`), {
			method,
			agent,
			servername: "",
			timeout: timeoutMs,
			...(signal === undefined ? {} : { signal }),
			headers:
				text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
		});
		try {
			return await exchangeHttp(call, { body: text, maxAnswerBytes });
		} catch (cause) {
			current++;
			throw new MeshError("CONTROL_PLANE_UNREACHABLE", `the control plane at ${server} does not answer agents`, {
				cause,
			});
		}
	}

	return {
		async request(method, path, body, callOptions = {}) {
			const { status, text } = await exchange(method, path, body, callOptions);
			const value = parseAnswer(text, path);
			if (status >= 200 && status < 300) return value;
			const { code, message } = (value as { error?: { code?: string; message?: string } })?.error ?? {};
			throw new MeshError(code ?? "REQUEST_REFUSED", message ?? `the control plane answered ${status} to ${path}`);
		},
		useSvid({ certificateChainPem, privateKeyPem, bundlePem }) {
			identity = { cert: certificateChainPem, key: privateKeyPem };
			ca = bundlePem;
			reconnect();
		},
		useBundle(bundlePem) {
			if (bundlePem === ca) return;
			ca = bundlePem;
			reconnect();
		},
		firstBundle: options.bundle,
		close: () => agent.destroy(),
	};
}

function parseAnswer(text: string, path: string): unknown {
	try {
		return JSON.parse(text);
	} catch (cause) {
		throw new MeshError("CONTROL_PLANE_UNREACHABLE", `what answers ${path} is no control plane`, { cause });
	}
}
