import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
/** Certificates of two workloads and their authority, as PEM files. */
export interface PairFiles {
	readonly ca: string;
	readonly clientCertificate: string;
	readonly clientKey: string;
	readonly serverCertificate: string;
	readonly serverKey: string;
}

/** Makes a throw-away authority and two SVID-like P-256 certificates with openssl. */
export function createPairFiles(folder: string): PairFiles {
	const at = (name: string): string => join(folder, name);
	const openssl = (...args: string[]): void => {
		execFileSync("openssl", args, { stdio: "ignore" });
	};
	const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	openssl("req", "-x509", ...curve, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/O=bench");
	for (const name of ["client", "server"]) {
		writeFileSync(
			at(`${name}.ext`),
			`basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:spiffe://bench.local/ns/bench/sa/${name}\n`,
		);
		openssl("req", ...curve, "-keyout", at(`${name}.key`), "-out", at(`${name}.csr`), "-subj", `/O=${name}`);
		openssl(
			...["x509", "-req", "-in", at(`${name}.csr`), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"],
			...["-out", at(`${name}.pem`), "-days", "1", "-extfile", at(`${name}.ext`)],
		);
	}
	return {
		ca: at("ca.pem"),
		clientCertificate: at("client.pem"),
		clientKey: at("client.key"),
		serverCertificate: at("server.pem"),
		serverKey: at("server.key"),
	};
}
