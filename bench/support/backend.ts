import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findFreePort } from "../../test/support/free-port.ts";
import { findOriginServer } from "../../test/support/peers.ts";
import { startPinned, waitForHttp } from "./process.ts";

/** A static server that answers every request. */
export interface Backend {
	readonly child: ChildProcess;
	readonly name: string;
	/** HTTP/1.1. */
	readonly port: number;
	/** HTTP/2 with prior knowledge; answers below `/grpc` end with the trailer `grpc-status: 0`. Undefined without nginx. */
	readonly http2Port: number | undefined;
}

/** Answers with `bodyBytes` bytes: nginx where installed, else the raw-socket server beside this file. */
export async function startBackend(core: number, bodyBytes: number, folder: string): Promise<Backend> {
	const nginx = findOriginServer("nginx");
	const port = await findFreePort();
	const http2Port = nginx === undefined ? undefined : await findFreePort();
	const command =
		nginx === undefined
			? [process.execPath, resolve(import.meta.dirname, "raw-server.ts"), String(port), String(bodyBytes)]
			: [nginx, "-c", writeNginxConfig(folder, port, http2Port!, bodyBytes), "-p", folder];
	const child = startPinned(core, command, join(folder, "backend.log"));
	await waitForHttp(port, "/", child);
	return { child, name: nginx === undefined ? "node" : "nginx", port, http2Port };
}

/** nginx takes no longer word in its configuration. */
const maxInlineBytes = 2048;
/** A message of ten bytes behind its gRPC prefix, in a word of nginx's configuration: no byte of it means anything there. */
const grpcMessage = String.fromCharCode(0, 0, 0, 0, 10, 10, 8) + "benchies";

function writeNginxConfig(folder: string, port: number, http2Port: number, bodyBytes: number): string {
	writeFileSync(join(folder, "body"), "x".repeat(bodyBytes));
	// A file costs the load's core nearly twice as much as an answer out of the configuration (over HTTP/2 eight system calls an answer), and
	// would hide what the proxies can do.
	const content =
		bodyBytes <= maxInlineBytes ? `return 200 "${"x".repeat(bodyBytes)}";` : `root ${folder}; rewrite ^ /body break;`;
	const grpc = `default_type application/grpc; add_trailer grpc-status 0; return 200 "${grpcMessage}";`;
	const locations = `default_type text/plain; location / { ${content} } location /grpc { ${grpc} }`;
	const file = join(folder, "backend.conf");
	writeFileSync(
		file,
		`${process.getuid?.() === 0 ? "user root; " : ""}daemon off; worker_processes 1; pid ${folder}/backend.pid; error_log ${folder}/backend-error.log;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; open_file_cache max=10; http2_max_concurrent_streams 1024;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3; uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  server { listen 127.0.0.1:${port} backlog=4096; ${locations} }
  server { listen 127.0.0.1:${http2Port} http2 backlog=4096; ${locations} }
}
`,
	);
	return file;
}
