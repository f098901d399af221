/** A static HTTP/1.1 server on raw sockets, for machines without nginx: `node raw-server.ts PORT BODY_BYTES`. */
import { createServer } from "node:net";

const [port = "0", bodyBytes = "100"] = process.argv.slice(2);
const body = "x".repeat(Number(bodyBytes));
const response = Buffer.from(
	`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
	"latin1",
);

createServer({ noDelay: true }, (socket) => {
	let rest = "";
	socket.on("data", (chunk) => {
		const parts = (rest + chunk.toString("latin1")).split("\r\n\r\n");
		rest = parts.pop() ?? "";
		if (parts.length === 1) socket.write(response);
		else if (parts.length > 1) socket.write(Buffer.concat(parts.map(() => response)));
	});
	socket.on("error", () => socket.destroy());
}).listen(Number(port), "127.0.0.1");
