/** Both sides of the clients test: tells its environment, who called it, streams on demand, echoes over WebSocket. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const instance = process.env.AMIME_INSTANCE;
const waiting = [];

const server = createServer((request, response) => {
	response.setHeader("x-instance", instance);
	switch (request.url) {
		case "/environment":
			response.end(JSON.stringify(process.env));
			break;
		case "/stream":
			response.write("first;");
			waiting.push(response);
			break;
		case "/go-on":
			for (const streamed of waiting.splice(0)) streamed.end("second;");
			response.end();
			break;
		case "/echo":
			request.pipe(response);
			break;
		default: {
			let body = "";
			request.on("data", (chunk) => (body += chunk));
			request.on("end", () => {
				const { method, headers } = request;
				response.end(
					JSON.stringify({
						instance,
						pid: process.pid,
						method,
						host: headers.host,
						caller: headers["x-forwarded-client-cert"],
						body,
					}),
				);
			});
		}
	}
});

// RFC 6455, as much as an echo of short text frames takes.
server.on("upgrade", (request, socket) => {
	const accept = createHash("sha1").update(
		`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
	);
	socket.write(
		`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept.digest("base64")}\r\n\r\n`,
	);
	let seen = Buffer.alloc(0);
	socket.on("data", (chunk) => {
		seen = Buffer.concat([seen, chunk]);
		while (seen.length >= 6 && seen.length >= 6 + (seen[1] & 127)) {
			const length = seen[1] & 127;
			const text = seen.subarray(6, 6 + length).map((byte, at) => byte ^ seen[2 + (at % 4)]);
			socket.write(Buffer.concat([Buffer.of(seen[0], length), text]));
			if ((seen[0] & 15) === 8) socket.end();
			seen = seen.subarray(6 + length);
		}
	});
	socket.on("error", () => socket.destroy());
});

server.listen(process.env.PORT, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
