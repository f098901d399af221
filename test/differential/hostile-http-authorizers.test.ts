/** ext_authz services that answer over HTTP with what is no HTTP, or with fields that would harm: what reaches the upstream and the client. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { type Case, compareWithEnvoy, type Side } from "../support/differential.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { openClient, startRawServer } from "../support/raw-client.ts";

/** What the service writes, by the path that it is asked about. */
const answers: Readonly<Record<string, string>> = {
	fine: "HTTP/1.1 200 OK\r\nx-new: 1\r\ncontent-length: 0\r\n\r\n",
	"bare-cr": "HTTP/1.1 200 OK\r\nx-new: 1\rx-smuggled: 1\r\ncontent-length: 0\r\n\r\n",
	"bare-lf": "HTTP/1.1 200 OK\r\nx-new: 1\nx-smuggled: 1\r\ncontent-length: 0\r\n\r\n",
	nul: "HTTP/1.1 200 OK\r\nx-new: 1\0x\r\ncontent-length: 0\r\n\r\n",
	control: "HTTP/1.1 200 OK\r\nx-new: 1\x01x\r\ncontent-length: 0\r\n\r\n",
	folded: "HTTP/1.1 200 OK\r\nx-new: 1\r\n x-smuggled: 1\r\ncontent-length: 0\r\n\r\n",
	"space-in-name": "HTTP/1.1 200 OK\r\nx new: 1\r\ncontent-length: 0\r\n\r\n",
	"space-behind-name": "HTTP/1.1 200 OK\r\nx-new : 1\r\ncontent-length: 0\r\n\r\n",
	"no-name": "HTTP/1.1 200 OK\r\n: 1\r\ncontent-length: 0\r\n\r\n",
	"pseudo-name": "HTTP/1.1 200 OK\r\n:path: /other\r\ncontent-length: 0\r\n\r\n",
	"two-lengths": "HTTP/1.1 200 OK\r\nx-new: 1\r\ncontent-length: 0\r\ncontent-length: 3\r\n\r\n",
	"length-and-chunks":
		"HTTP/1.1 200 OK\r\nx-new: 1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
	utf8: "HTTP/1.1 200 OK\r\nx-new: \xc3\xbc\r\ncontent-length: 0\r\n\r\n",
	repeated: "HTTP/1.1 200 OK\r\nx-new: 1\r\nx-new: 2\r\nx-old: 3\r\ncontent-length: 0\r\n\r\n",
	"removes-much":
		"HTTP/1.1 200 OK\r\nx-envoy-auth-headers-to-remove: x-old, :path,host , ,x y,,content-length\r\ncontent-length: 0\r\n\r\n",
	"removes-twice":
		"HTTP/1.1 200 OK\r\nx-envoy-auth-headers-to-remove: x-old\r\nx-envoy-auth-headers-to-remove: x-older\r\ncontent-length: 0\r\n\r\n",
	"denied-bare-cr": "HTTP/1.1 403 Forbidden\r\nx-new: 1\rx-smuggled: 1\r\ncontent-length: 2\r\n\r\nno",
	"denied-connection":
		"HTTP/1.1 401 No\r\nconnection: close, x-new\r\nx-new: 1\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nno",
	"denied-trailers":
		"HTTP/1.1 403 No\r\ntrailer: x-late\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nx-late: 1\r\n\r\n",
	"denied-location":
		"HTTP/1.1 302 Found\r\nlocation: /login\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n",
	informed: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nx-new: 1\r\ncontent-length: 0\r\n\r\n",
	early: "HTTP/1.1 103 Early Hints\r\nx-new: 0\r\n\r\nHTTP/1.1 200 OK\r\nx-new: 1\r\ncontent-length: 0\r\n\r\n",
	"no-content": "HTTP/1.1 204 None\r\nx-new: 1\r\n\r\n",
	switching: "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
	"not-modified": "HTTP/1.1 304 Not Modified\r\nx-new: 1\r\n\r\n",
	"status-99": "HTTP/1.1 99 Odd\r\ncontent-length: 2\r\n\r\nno",
	"no-http": "hello\r\n\r\n",
	"old-http": "HTTP/1.0 200 OK\r\nx-new: 1\r\n\r\n",
};

const volatile =
	/^(host: localhost|x-forwarded-proto|x-request-id|date|server|x-envoy-(upstream-service-time|expected))/;
const linesOf = (text: string): string[] => {
	const lines = text.split("\r\n").filter((line) => !volatile.test(line));
	const end = lines.indexOf("");
	return [...lines.slice(0, end).sort(), ...lines.slice(end)];
};

async function start(side: Side): Promise<ProxyProcess> {
	const backend = await startRawServer(side, (socket) => {
		socket.setEncoding("latin1").on("data", (data) => {
			const body = JSON.stringify(linesOf(String(data)));
			socket.write(`HTTP/1.1 200 OK\r\nx-backend: 1\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
		});
	});
	const service = await startRawServer(side, (socket) => {
		socket.setEncoding("latin1").on("data", (data) => {
			const name = /^GET \/([\w-]+)/.exec(String(data))?.[1] ?? "";
			socket.end(answers[name] ?? "", "latin1");
		});
	});
	// Not content-length: Envoy would give the request that of the service's answer.
	const all = { patterns: [{ prefix: "x" }, { prefix: ":" }] };
	const authz = typed("filters.http.ext_authz.v3.ExtAuthz", {
		http_service: {
			server_uri: { uri: "http://service.test", cluster: "service", timeout: "1s" },
			authorization_response: {
				allowed_upstream_headers: all,
				allowed_client_headers_on_success: { patterns: [{ prefix: "x-n" }] },
			},
		},
	});
	const manager = managerFilter({
		http_filters: [{ name: "authz", typed_config: authz }, routerFilter],
		route_config: {
			name: "r",
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "c" } }] }],
		},
	});
	return side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [plainCluster("c", backend.port), plainCluster("service", service.port)],
		},
	});
}

async function ask(proxy: ProxyProcess, side: Side, name: string): Promise<unknown> {
	const client = await openClient(side, await proxy.port("l"));
	client.send(`GET /${name} HTTP/1.1\r\nhost: localhost\r\nx-old: 1\r\nx-older: 1\r\nconnection: close\r\n\r\n`);
	await client.closed();
	return linesOf(client.buffered);
}

const cases: Record<string, Case<ProxyProcess>> = {};
for (const name of Object.keys(answers)) cases[name] = { want: [], see: (proxy, side) => ask(proxy, side, name) };

compareWithEnvoy("ext_authz and a service over HTTP that answers nonsense", { start, cases });
