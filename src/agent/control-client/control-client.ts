import { Agent, request as openRequest } from "node:http";
import { request as openTlsRequest, Agent as TlsAgent } from "node:https";
import { exchangeHttp, type HttpExchange, MeshError } from "../../core/index.ts";

export type RequestMethod = "GET" | "PUT" | "POST" | "DELETE";

/** Where a control plane answers, and the token it wants. */
export interface ControlClientOptions {
	readonly adminUrl: string;
	/** Empty for somebody who is known by a certificate. */
	readonly token: string;
	/** Of an `https://` address. */
	readonly tls?: ControlTls;
	/** Longest wait for an answer; 10 s by default. */
	readonly timeoutMs?: number;
}

/** TLS towards a control plane; PEM. */
export interface ControlTls {
	/** Roots of its certificate, or the certificate itself; the system's without it. */
	readonly ca?: string;
	/** What is shown to it, and its key. */
	readonly cert?: string;
	readonly key?: string;
	/** The certificate is known whole: what name it is for does not matter. */
	readonly isPinned?: boolean;
}

/** Asks a control plane. Every call rejects with a MeshError: `CONTROL_PLANE_UNREACHABLE`, or the code of its refusal. */
export interface ControlClient {
	/** The items of a list such as `/v1/instances`. */
	list(path: string): Promise<readonly unknown[]>;
	/** Any other request; `body` goes as YAML when it is text, else as JSON. */
	request(method: RequestMethod, path: string, body?: unknown): Promise<unknown>;
	/** Whether the control plane is ready, and is this one: another mesh's on the same port does not take the token. */
	isReady(): Promise<boolean>;
	/** Closes idle connections. */
	close(): void;
}

const maxAnswerBytes = 64 * 1024 * 1024;

/** Creates a client; it connects when it is asked something. */
export function createControlClient(options: ControlClientOptions): ControlClient {
	// An agent of its own: the global one would follow HTTP_PROXY of the environment.
	const limits = { keepAlive: true, maxSockets: 8 };
	const isTls = options.adminUrl.startsWith("https:");
	const agent = isTls ? new TlsAgent({ ...limits, ...readTls(options.tls) }) : new Agent(limits);
	const timeoutMs = options.timeoutMs ?? 10_000;

	async function request(method: RequestMethod, path: string, body?: unknown): Promise<unknown> {
		const answer = await exchange(method, path, body);
		const value = parseAnswer(answer.text);
		if (answer.status >= 200 && answer.status < 300) return value;
		throw toRefusal(answer.status, value, `${method} ${path}`);
	}

	async function exchange(method: RequestMethod, path: string, body: unknown): Promise<HttpExchange> {
		const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
		const headers: Record<string, string | number> =
			options.token === "" ? {} : { authorization: `Bearer ${options.token}` };
		if (text !== undefined) {
			headers["content-type"] = typeof body === "string" ? "application/yaml" : "application/json";
			headers["content-length"] = Buffer.byteLength(text);
		}
		const open = isTls ? openTlsRequest : openRequest;
		const call = open(new URL(path, options.adminUrl), { method, agent, headers, timeout: timeoutMs });
		try {
			return await exchangeHttp(call, { body: text, maxAnswerBytes });
		} catch (cause) {
			throw new MeshError(
				"CONTROL_PLANE_UNREACHABLE",
				`the control plane at ${options.adminUrl} does not answer (proxies go on with what they have; 'amime up' starts its own again by itself)`,
				{
					cause,
				},
			);
		}
	}

	return {
		request,
		async list(path) {
			const value = (await request("GET", path)) as { readonly items?: unknown } | undefined;
			return Array.isArray(value?.items) ? value.items : [];
		},
		async isReady() {
			try {
				const isReady = (await exchange("GET", "/ready", undefined)).status === 200;
				return isReady && (await exchange("GET", "/v1/instances", undefined)).status === 200;
			} catch (error) {
				if (error instanceof MeshError) return false;
				throw error;
			}
		},
		close: () => agent.destroy(),
	};
}

function readTls({ ca, cert, key, isPinned = false }: ControlTls = {}): object {
	return {
		minVersion: "TLSv1.2",
		...(ca !== undefined && { ca, allowPartialTrustChain: true }),
		...(cert !== undefined && { cert }),
		...(key !== undefined && { key }),
		...(isPinned && { checkServerIdentity: () => undefined }),
	};
}

/** JSON when it is some; plain text as it is. */
function parseAnswer(text: string): unknown {
	if (text === "") return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

function toRefusal(status: number, value: unknown, what: string): MeshError {
	const answer = (typeof value === "object" && value !== null ? value : {}) as {
		readonly error?: { readonly code?: unknown; readonly message?: unknown };
		readonly problems?: unknown;
	};
	const code = typeof answer.error?.code === "string" ? answer.error.code : "REQUEST_REFUSED";
	const message =
		typeof answer.error?.message === "string"
			? answer.error.message
			: `the control plane answered ${status} to ${what}`;
	return new RefusalError(code, message, status, Array.isArray(answer.problems) ? answer.problems : []);
}

/** A refusal with every problem that the control plane found. */
export class RefusalError extends MeshError {
	readonly status: number;
	readonly problems: readonly unknown[];

	constructor(code: string, message: string, status: number, problems: readonly unknown[]) {
		super(code, message);
		this.status = status;
		this.problems = problems;
	}
}
