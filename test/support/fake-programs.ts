/** Stands in for the programs that a supervisor starts, as `node fake-programs.ts control-plane|proxy …`: a control plane that answers
 *  from files in its state folder and notes what it is told, and a proxy that is ready at once. */
import { appendFileSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";

const { argv } = process;

function option(name: string): string {
	return argv[argv.indexOf(name) + 1] ?? "";
}

async function readBody(request: IncomingMessage): Promise<string> {
	let body = "";
	for await (const chunk of request) body += String(chunk);
	return body;
}

/** `desired.json` in the config folder is what should run; `registry.log` in the state folder is what was registered. */
function serveControlPlane(): void {
	const state = option("--state");
	const config = option("--config");
	const [host, port] = option("--admin-address").split(":");
	let isFirst = true;
	const registered = new Map<string, unknown>();
	const server = createServer(async (request, response) => {
		const body = await readBody(request);
		const path = request.url ?? "/";
		if (path.startsWith("/v1/instances/") && !path.endsWith("/keepalive")) {
			if (request.method === "DELETE") registered.delete(path);
			else registered.set(path, JSON.parse(body));
			const health = body === "" ? "" : ` ${(JSON.parse(body) as { health: string }).health}`;
			appendFileSync(
				join(state, "registry.log"),
				`${request.method} ${path.slice("/v1/instances/".length)}${health}\n`,
			);
		}
		if (path.startsWith("/v1/identity")) response.writeHead(503);
		if (path === "/v1/instances") response.end(JSON.stringify({ items: [...registered.values()] }));
		else if (path === "/v1/proxies") response.end(JSON.stringify({ items: [], converged: true }));
		else if (path.startsWith("/v1/desired")) response.end(readFileSync(join(config, "desired.json")));
		else response.end("{}");
	});
	server.on("connection", () => {
		if (isFirst) console.log("fake control plane answers");
		isFirst = false;
	});
	server.listen(Number(port), host);
}

function serveProxy(): void {
	const bootstrap = JSON.parse(readFileSync(option("-c"), "utf8")) as {
		readonly admin: { readonly address: { readonly socket_address: { readonly port_value: number } } };
	};
	const { port_value: port } = bootstrap.admin.address.socket_address;
	createServer((_request, response) => response.end("LIVE")).listen(port, "127.0.0.1");
}

process.on("SIGTERM", () => process.exit(0));
if (argv[2] === "control-plane") serveControlPlane();
else serveProxy();
