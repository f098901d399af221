import { request } from "node:https";
import type { TLSSocket } from "node:tls";

export interface TlsAnswer {
	readonly status: number;
	readonly body: string;
	/** Serial of the certificate that the server showed. */
	readonly serial: string;
}

/** A request over TLS to a loopback port, for a host by its server name; on a connection of its own.
 *  @throws the socket's error, also when the server's certificate is not of `ca` */
export function askTls(call: {
	readonly port: number;
	readonly host: string;
	readonly path: string;
	/** PEM. */
	readonly ca: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly client?: { readonly certificateChainPem: string; readonly privateKeyPem: string };
}): Promise<TlsAnswer> {
	const { port, host, path, ca, headers, client } = call;
	const { promise, resolve, reject } = Promise.withResolvers<TlsAnswer>();
	const outgoing = request(
		{
			...{ port, host: "127.0.0.1", path, servername: host, ca, agent: false, headers: { host, ...headers } },
			...(client !== undefined && { cert: client.certificateChainPem, key: client.privateKeyPem }),
		},
		(response) => {
			const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
			let body = "";
			response.setEncoding("utf8").on("data", (text: string) => {
				body += text;
			});
			response.on("end", () => resolve({ status: response.statusCode!, body, serial: serialNumber }));
			response.on("error", reject);
		},
	);
	outgoing.on("error", reject);
	outgoing.end();
	return promise;
}
