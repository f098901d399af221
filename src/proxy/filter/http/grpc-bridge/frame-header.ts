/** A flag and four bytes of length. */
export const frameHeaderBytes = 5;

/** The header of one uncompressed message. Spec: "gRPC over HTTP2", length-prefixed messages. */
export function createFrameHeader(length: number): Buffer {
	const header = Buffer.alloc(frameHeaderBytes);
	header.writeUInt32BE(length, 1);
	return header;
}

export function prependFrameHeader(message: Buffer): Buffer {
	return Buffer.concat([createFrameHeader(message.length), message]);
}
