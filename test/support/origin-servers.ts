import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createConnection } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { eventually } from "./eventually.ts";
import { findFreePort } from "./free-port.ts";
import { findOriginServer, findProgram } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** A server that other people wrote. It answers every request with its `x-echo`. */
export interface OriginServer {
	readonly port: number;
	/** The `x-request-id` of everything that it took for a request; other words where there is none, or for the broken beginning of one. */
	seen(): readonly string[];
}

type Start = (t: Pick<TestContext, "after">) => Promise<OriginServer>;

/** The servers by name; those without a program are not on this machine. */
export const originServers: Readonly<Record<string, { readonly program: string | undefined; readonly start: Start }>> =
	{
		node: { program: process.execPath, start: startNode },
		go: { program: findProgram("go"), start: startGo },
		python: { program: findProgram("python3"), start: startPython },
		nginx: { program: findOriginServer("nginx"), start: startNginx },
		haproxy: { program: findOriginServer("haproxy"), start: startHaproxy },
	};

const sources = join(import.meta.dirname, "origins");

async function startNode(t: Pick<TestContext, "after">): Promise<OriginServer> {
	const seen: string[] = [];
	const server = createServer((request, response) => {
		seen.push(String(request.headers["x-request-id"] ?? ""));
		request.resume();
		request.on("end", () => response.end(request.headers["x-echo"] ?? ""));
	});
	server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
		// An end in the middle of a request is not a request.
		if (error.code?.startsWith("HPE_") === true && error.code !== "HPE_INVALID_EOF_STATE")
			seen.push(`broken: ${error.code}`);
		socket.destroy();
	});
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return { port: (server.address() as { port: number }).port, seen: () => seen };
}

async function startGo(t: Pick<TestContext, "after">): Promise<OriginServer> {
	const program = join(makeTemporaryFolder(t), "origin");
	execFileSync("go", ["build", "-o", program, join(sources, "main.go")], { stdio: ["ignore", "ignore", "inherit"] });
	return await followOutput(t, spawn(program, { stdio: ["ignore", "pipe", "inherit"] }));
}

async function startPython(t: Pick<TestContext, "after">): Promise<OriginServer> {
	return await followOutput(t, spawn("python3", [join(sources, "main.py")], { stdio: ["ignore", "pipe", "ignore"] }));
}

/** A program that says its port in the first line, then what it sees. */
async function followOutput(t: Pick<TestContext, "after">, child: ChildProcess): Promise<OriginServer> {
	endWithTest(t, child);
	const seen: string[] = [];
	const lines = createInterface({ input: child.stdout! });
	const [port] = (await once(lines, "line")) as [string];
	lines.on("line", (line) => {
		if (line.startsWith("seen")) seen.push(line.slice("seen ".length));
	});
	return { port: Number(port), seen: () => seen };
}

async function startNginx(t: Pick<TestContext, "after">): Promise<OriginServer> {
	const folder = makeTemporaryFolder(t);
	const port = await findFreePort();
	const log = join(folder, "seen.log");
	const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
		(name) => `${name}_temp_path ${folder}/${name};`,
	);
	const user = process.getuid?.() === 0 ? "user root;" : "";
	writeFileSync(
		join(folder, "nginx.conf"),
		`daemon off; master_process off; ${user} pid ${folder}/pid; error_log ${folder}/error.log;
		events {}
		http {
			${places.join(" ")}
			log_format seen "seen $http_x_request_id $status $request";
			access_log ${log} seen;
			keepalive_requests 100000;
			server { listen 127.0.0.1:${port}; location / { return 200 "$http_x_echo"; } }
		}`,
	);
	endWithTest(
		t,
		spawn(originServers.nginx!.program!, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" }),
	);
	await eventually(() => reach(port));
	const read = (): string[] => {
		if (!existsSync(log)) return [];
		const lines = readFileSync(log, "utf8").split("\n").slice(0, -1);
		return lines.map((line) => /^seen (\S+)/.exec(line)![1]!).map((id, index) => (id === "-" ? lines[index]! : id));
	};
	return { port, seen: read };
}

async function startHaproxy(t: Pick<TestContext, "after">): Promise<OriginServer> {
	const folder = makeTemporaryFolder(t);
	const port = await findFreePort();
	const seen: string[] = [];
	const logs = createSocket("udp4");
	logs.on("message", (message) => {
		const line = /seen ([^|]*)/.exec(String(message))?.[1];
		if (line !== undefined) seen.push(line === "-" ? String(message) : line);
	});
	logs.bind(0, "127.0.0.1");
	await once(logs, "listening");
	t.after(() => logs.close());
	writeFileSync(
		join(folder, "haproxy.cfg"),
		`defaults
			mode http
			timeout client 30s
			option dontlognull
			log 127.0.0.1:${logs.address().port} local0
			log-format "seen %[capture.req.hdr(0)]|%ST %{+Q}r"
		frontend origin
			bind 127.0.0.1:${port}
			http-request capture req.hdr(x-request-id) len 64
			http-request wait-for-body time 5s
			http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-echo)]"\n`.replace(/^\t\t/gm, ""),
	);
	endWithTest(
		t,
		spawn(originServers.haproxy!.program!, ["-db", "-f", join(folder, "haproxy.cfg")], { stdio: "ignore" }),
	);
	await eventually(() => reach(port));
	return { port, seen: () => seen };
}

function endWithTest(t: Pick<TestContext, "after">, child: ChildProcess): void {
	t.after(async () => {
		if (child.exitCode !== null || child.signalCode !== null) return;
		child.kill("SIGKILL");
		await once(child, "exit");
	});
}

async function reach(port: number): Promise<void> {
	const socket = createConnection(port, "127.0.0.1");
	try {
		await once(socket, "connect");
	} finally {
		socket.destroy();
	}
}
