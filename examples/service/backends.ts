/** Two backends that speak something else than HTTP/1.1: with SERVICE=stream HTTP/2 without TLS, with SERVICE=talk WebSockets, of which it
 *  says back what it hears (RFC 6455 as far as one short frame goes). */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createStreamServer } from "node:http2";

const port = Number(process.env["PORT"]);

if (process.env["SERVICE"] === "stream")
	createStreamServer((request, response) => response.end(`stream was asked over HTTP/${request.httpVersion}\n`)).listen(
		port,
		"127.0.0.1",
	);
else
	createServer((_request, response) => response.writeHead(426).end("only WebSockets\n"))
		.on("upgrade", (request, socket) => {
			const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
			const accept = createHash("sha1").update(key).digest("base64");
			socket.on("error", () => socket.destroy());
			socket.write(
				`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
			);
			socket.on("data", (frame: Buffer) => {
				const mask = frame.subarray(2, 6);
				const heard = frame.subarray(6).map((byte, index) => byte ^ mask[index % 4]!);
				socket.write(Buffer.concat([Buffer.from([0x81, heard.length]), heard]));
			});
		})
		.listen(port, "127.0.0.1");
