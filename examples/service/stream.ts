/** The TCP service of the examples: says who it is to whoever connects and sends a line. */
import { createServer } from "node:net";

createServer((socket) => {
	socket.on("error", () => socket.destroy());
	socket.once("data", (bytes) => socket.end(`${process.env["VERSION"]} heard ${String(bytes).trim()}\n`));
}).listen(Number(process.env["PORT"]), "127.0.0.1");
