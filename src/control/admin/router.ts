import { MeshError, suggestNearest } from "../../core/index.ts";
import type { Principal, Role } from "./access.ts";

export type Method = "GET" | "PUT" | "POST" | "DELETE";

/** A request as endpoints see it. */
export interface AdminRequest {
	/** Decoded parts of the path, by the names in braces. */
	readonly params: Readonly<Record<string, string>>;
	readonly query: URLSearchParams;
	/** Decoded as UTF-8; empty without one. */
	readonly body: string;
	/** Who asks; nobody in particular outside `/v1/`. */
	readonly principal: Principal;
}

export interface AdminResponse {
	/** 200 by default. */
	readonly status?: number;
	/** Text as it is; anything else as JSON. */
	readonly body?: unknown;
	/** `application/json` by default. */
	readonly contentType?: string;
	/** Of a page; nothing may be loaded or run by default. */
	readonly contentSecurityPolicy?: string;
}

export interface Endpoint {
	readonly method: Method;
	/** `/v1/config/{kind}/{namespace}/{name}`; what begins with `/v1/` needs the token. */
	readonly path: string;
	/** Who may ask: viewers when it is a GET, else admins, by default. */
	readonly role?: Role;
	/** Largest body taken; 0 by default. */
	readonly maxBodyBytes?: number;
	answer(request: AdminRequest): AdminResponse | Promise<AdminResponse>;
}

/** A refusal with its status. */
export class AdminError extends MeshError {
	readonly status: number;
	/** Further fields of the answer, such as `problems`. */
	readonly details: Readonly<Record<string, unknown>>;

	constructor(status: number, code: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
		super(code, message);
		this.status = status;
		this.details = details;
	}
}

/** An endpoint with the parts of the path that it names. */
export interface FoundEndpoint {
	readonly endpoint: Endpoint;
	readonly params: Readonly<Record<string, string>>;
}

/** Finds the endpoint of a path.
 *  @throws AdminError 404 with the nearest path, 405 with the methods there are, 400 for a path that cannot be decoded */
export function findEndpoint(endpoints: readonly Endpoint[], method: string, path: string): FoundEndpoint {
	const methods: string[] = [];
	for (const endpoint of endpoints) {
		const params = matchPath(endpoint.path, path);
		if (params === undefined) continue;
		if (endpoint.method === method) return { endpoint, params };
		methods.push(endpoint.method);
	}
	if (methods.length > 0)
		throw new AdminError(405, "METHOD_NOT_ALLOWED", `${path} takes ${methods.join(", ")}, not ${method}`);
	const hint = suggestNearest(path, new Set(endpoints.map((endpoint) => endpoint.path)));
	throw new AdminError(404, "PATH_UNKNOWN", `no such path: ${path}${hint}`);
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
	const expected = pattern.split("/");
	const given = path.split("/");
	if (expected.length !== given.length) return undefined;
	const params: Record<string, string> = {};
	for (const [position, part] of expected.entries()) {
		const actual = given[position]!;
		if (part.startsWith("{")) {
			if (actual === "") return undefined;
			params[part.slice(1, -1)] = decodePart(actual);
		} else if (part !== actual) return undefined;
	}
	return params;
}

function decodePart(part: string): string {
	try {
		return decodeURIComponent(part);
	} catch (cause) {
		if (!(cause instanceof URIError)) throw cause;
		throw new AdminError(400, "PATH_INVALID", `cannot decode '${part}'`);
	}
}
