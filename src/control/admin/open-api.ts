import type { Endpoint } from "./router.ts";

/** What a path does and takes, beyond what its endpoint says. */
export interface ApiDescription {
	readonly summary: string;
	readonly query?: Readonly<Record<string, string>>;
}

/** Descriptions by method and path, `GET /v1/config`. */
export type ApiDescriptions = Readonly<Record<string, ApiDescription>>;

/** The OpenAPI document of some endpoints: paths, parameters, bodies and roles are those that are served.
 *  Spec: OpenAPI 3.1.0 */
export function describeApi(endpoints: readonly Endpoint[], descriptions: ApiDescriptions): object {
	const paths = new Map<string, Record<string, object>>();
	const sorted = [...endpoints].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
	for (const endpoint of sorted) {
		const operations = paths.get(endpoint.path) ?? {};
		operations[endpoint.method.toLowerCase()] = describeOperation(endpoint, descriptions);
		paths.set(endpoint.path, operations);
	}
	return {
		openapi: "3.1.0",
		info: {
			title: "amime admin API",
			version: "v1",
			description:
				"What the control plane of an amime mesh answers. Whatever begins with /v1 takes a bearer token with a role; a role may do all that those before it may: viewer, editor, admin.",
			license: { name: "Apache-2.0", identifier: "Apache-2.0" },
		},
		servers: [{ url: "http://127.0.0.1:15014" }],
		paths: Object.fromEntries(paths),
		components: {
			securitySchemes: { token: { type: "http", scheme: "bearer" } },
			schemas: { Error: errorSchema, List: listSchema },
			responses: {
				Refusal: {
					description: "Refused; `error.code` is stable, see docs/reference/errors.md",
					content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
				},
			},
		},
	};
}

const errorSchema = {
	type: "object",
	required: ["error"],
	properties: {
		error: {
			type: "object",
			required: ["code", "message"],
			properties: { code: { type: "string" }, message: { type: "string" } },
		},
		problems: { type: "array", items: { type: "object" } },
	},
};

const listSchema = {
	type: "object",
	required: ["items"],
	properties: { items: { type: "array", items: {} } },
};

function describeOperation(endpoint: Endpoint, descriptions: ApiDescriptions): object {
	const { method, path, maxBodyBytes = 0 } = endpoint;
	const { summary, query = {} } = descriptions[`${method} ${path}`] ?? { summary: `${method} ${path}` };
	const isPrivate = path.startsWith("/v1/");
	const role = endpoint.role ?? (method === "GET" ? "viewer" : "admin");
	const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
	const isText = path === "/ready" || path === "/metrics" || path === "/";
	return {
		operationId: operationIdOf(method, path),
		summary,
		...(isPrivate && { "x-role": role, description: `Takes the role ${role}.`, security: [{ token: [] }] }),
		parameters: [
			...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
			...Object.entries(query).map(([name, description]) => ({
				name,
				in: "query",
				description,
				schema: { type: "string" },
			})),
		],
		...(maxBodyBytes > 0 && {
			requestBody: {
				description: `At most ${maxBodyBytes} bytes.`,
				content: { [path === "/v1/config" ? "application/yaml" : "application/json"]: {} },
			},
		}),
		responses: {
			"200": {
				description: "Done",
				content: isText ? { [path === "/" ? "text/html" : "text/plain"]: {} } : { "application/json": {} },
			},
			default: { $ref: "#/components/responses/Refusal" },
		},
	};
}

/** `GET /v1/config/{kind}` is `getConfigByKind`. */
function operationIdOf(method: string, path: string): string {
	const parts = path.split("/").filter((part) => part !== "" && part !== "v1");
	const words = parts.flatMap((part) =>
		part.startsWith("{") ? ["by", part.slice(1, -1)] : part.split(/[^A-Za-z0-9]+/),
	);
	return [method.toLowerCase(), ...(words.length === 0 ? ["root"] : words)]
		.map((word, position) => (position === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1)))
		.join("");
}
