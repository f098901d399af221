/** Whom the external-authorization example asks: 200 is consent, and its headers go on with the request; every other status is the answer. */
import { createServer } from "node:http";

createServer((request, response) => {
	if (request.headers["x-shop-pass"] === "yes") response.writeHead(200, { "x-shop-decided": "allowed" }).end();
	else response.writeHead(403, { "content-type": "text/plain" }).end("no pass\n");
}).listen(Number(process.env["PORT"]), "127.0.0.1");
