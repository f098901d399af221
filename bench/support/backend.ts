import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { findProgram, startPinned, waitForHttp } from "./process.ts";

/** A static server that answers every GET with `bodyBytes` bytes: nginx where installed, else the raw-socket one beside this file. */
export async function startBackend(
	core: number,
	port: number,
	bodyBytes: number,
	folder: string,
): Promise<{ child: ChildProcess; name: string }> {
	const nginx = findProgram("nginx");
	const name = nginx === undefined ? "node" : "nginx";
	const command =
		nginx === undefined
			? [process.execPath, resolve(import.meta.dirname, "raw-server.ts"), String(port), String(bodyBytes)]
			: [nginx, "-c", writeNginxConfig(folder, port, bodyBytes), "-p", folder];
	const child = startPinned(core, command, join(folder, "backend.log"));
	await waitForHttp(port, "/", child);
	return { child, name };
}

/** nginx takes no longer word in its configuration. */
const maxInlineBytes = 2048;

function writeNginxConfig(folder: string, port: number, bodyBytes: number): string {
	writeFileSync(join(folder, "body"), "x".repeat(bodyBytes));
	// A file costs the load's core nearly twice as much as an answer out of the configuration, and would hide what the proxies can do.
	const content =
		bodyBytes <= maxInlineBytes ? `return 200 "${"x".repeat(bodyBytes)}";` : `root ${folder}; rewrite ^ /body break;`;
	const file = join(folder, "backend.conf");
	writeFileSync(
		file,
		`${process.getuid?.() === 0 ? "user root; " : ""}daemon off; worker_processes 1; pid ${folder}/backend.pid; error_log ${folder}/backend-error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; open_file_cache max=10;
  client_body_temp_path ${folder}/t1; proxy_temp_path ${folder}/t2; fastcgi_temp_path ${folder}/t3; uwsgi_temp_path ${folder}/t4; scgi_temp_path ${folder}/t5;
  server { listen 127.0.0.1:${port} backlog=4096; default_type text/plain; location / { ${content} } }
}
`,
	);
	return file;
}
