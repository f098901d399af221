/** A closed-loop HTTP/1.1 load generator on raw sockets, for machines without wrk:
 *  `node raw-load.ts PORT CONNECTIONS SECONDS` prints one JSON line. Counts answers by their content-length. */
import { connect } from "node:net";

const [port = 0, connections = 32, seconds = 5] = process.argv.slice(2).map(Number);
const request = Buffer.from("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", "latin1");
const latencies: number[] = [];
let errors = 0;
let running = true;

function openConnection(): void {
	const socket = connect({ port, host: "127.0.0.1", noDelay: true });
	let sentAt = 0;
	let expected = -1;
	let received = 0;
	const send = (): void => {
		expected = -1;
		received = 0;
		sentAt = performance.now();
		socket.write(request);
	};
	socket.on("connect", send);
	socket.on("data", (chunk) => {
		if (expected < 0) {
			const text = chunk.toString("latin1");
			const end = text.indexOf("\r\n\r\n");
			if (end < 0) return;
			if (!text.startsWith("HTTP/1.1 2")) errors++;
			expected = end + 4 + Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
		}
		received += chunk.length;
		if (received < expected) return;
		latencies.push(performance.now() - sentAt);
		if (running) send();
		else socket.end();
	});
	socket.on("error", () => {
		errors++;
		socket.destroy();
	});
}

for (let index = 0; index < connections; index++) openConnection();
setTimeout(() => {
	running = false;
	latencies.sort((a, b) => a - b);
	const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
	process.stdout.write(
		`${JSON.stringify({ rps: latencies.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), errors })}\n`,
	);
	process.exit();
}, seconds * 1000);
