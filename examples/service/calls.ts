/** The gRPC service of the examples: every method answers its own name and the version. It is made of frames alone, so that it needs no
 *  generated code. */
import { createServer, type ServerHttp2Stream } from "node:http2";

createServer()
	.on("stream", (stream: ServerHttp2Stream, headers) => {
		stream.on("error", () => stream.destroy());
		stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
		stream.resume().on("end", () => {
			const text = Buffer.from(`${process.env["VERSION"]} ${headers[":path"]}`);
			const frame = Buffer.alloc(5);
			frame.writeUInt32BE(text.length, 1);
			stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
			stream.end(Buffer.concat([frame, text]));
		});
	})
	.listen(Number(process.env["PORT"]), "127.0.0.1");
