import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { findProgram } from "./peers.ts";
import { makeTemporaryFolder } from "./temporary-folder.ts";

/** An authority that has revoked one of its certificates; its files are in PEM. */
export interface RevokingAuthority {
	/** The path of `ca.pem`, `ca.crl`, `NAME.pem` or `NAME.key`. */
	path(file: string): string;
	read(file: string): string;
	/** The certificate of a name and its key. */
	pair(name: string): { readonly certificateChainPem: string; readonly privateKeyPem: string };
}

const config = `[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
[any]
commonName = supplied
`;

/** Makes an authority with openssl. Every name is a DNS name of its certificate. */
export function createRevokingAuthority(t: TestContext, names: readonly string[], revoked: string): RevokingAuthority {
	const folder = makeTemporaryFolder(t);
	const run = (...args: string[]): void => {
		execFileSync(findProgram("openssl")!, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
	};
	const path = (file: string): string => join(folder, file);
	const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	writeFileSync(path("own.cnf"), config);
	writeFileSync(path("index.txt"), "");
	writeFileSync(path("serial"), "1000\n");
	run("req", "-x509", ...newKey, "-subj", "/CN=test authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem");
	for (const name of names) {
		writeFileSync(path(`${name}.cnf`), `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth,clientAuth\n`);
		run("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
		const parts = ["-config", "own.cnf", "-extfile", `${name}.cnf`, "-in", `${name}.csr`, "-out", `${name}.pem`];
		run("ca", "-batch", "-notext", ...parts);
	}
	run("ca", "-config", "own.cnf", "-revoke", `${revoked}.pem`);
	run("ca", "-config", "own.cnf", "-gencrl", "-out", "ca.crl");
	const read = (file: string): string => readFileSync(path(file), "utf8");
	return {
		path,
		read,
		pair: (name) => ({ certificateChainPem: read(`${name}.pem`), privateKeyPem: read(`${name}.key`) }),
	};
}
