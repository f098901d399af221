import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import type { KeyProvider } from "../authority/key-provider.ts";
import type { SigningKey } from "../x509/index.ts";
import { createPluginConnection, type PluginConnectionOptions } from "./plugin-connection.ts";
import { protocolVersion } from "./protocol.ts";

/** Keys of an authority in a key plugin: they are made there and never leave it; only digests go in and signatures come out. A signature
 *  that does not hold under the key's public half is refused, whatever the plugin says. */
export function createPluginKeys(options: PluginConnectionOptions): KeyProvider {
	const connection = createPluginConnection(options);
	const { place } = options;
	const log: Log = options.log.child("key-plugin");
	const given = place.kind === "command" ? [place.program, ...place.args].join(" ") : `unix:${place.path}`;
	let known: { place: string; problem?: string } = { place: given };

	async function publicKeyOf(method: "create" | "publicKey", name: string): Promise<KeyObject> {
		const { publicKey } = await connection.request(method, { name });
		return readPublicKey(String(publicKey), name);
	}

	const signerOf = (name: string, publicKey: KeyObject): SigningKey => ({
		publicKey,
		async sign(data) {
			const digest = createHash("sha256").update(data).digest("base64");
			const { signature } = await connection.request("sign", { name, digest });
			const bytes = Buffer.from(typeof signature === "string" ? signature : "", "base64");
			if (!verify("sha256", data, publicKey, bytes)) throw wrong(`its signature with '${name}' does not hold`);
			return bytes;
		},
	});

	return {
		async create(name) {
			return signerOf(name, await publicKeyOf("create", name));
		},
		// Nothing is asked of the plugin for a key whose public half is known: what needs no signature goes on while it is away.
		async open(name, publicKey) {
			return signerOf(name, publicKey ?? (await publicKeyOf("publicKey", name)));
		},
		async remove(name) {
			await connection.request("remove", { name });
		},
		async probe() {
			try {
				const hello = await connection.request("hello");
				if (hello["protocol"] !== protocolVersion)
					throw wrong(`it speaks version ${String(hello["protocol"])} of the protocol, not ${protocolVersion}`);
				known = { place: typeof hello["place"] === "string" ? hello["place"] : given };
			} catch (error) {
				const problem = describeError(error);
				if (problem !== known.problem) log.warn("key plugin does not answer as it should", { problem });
				known = { ...known, problem };
			}
		},
		status: () => known,
		close: () => connection.close(),
	};
}

function readPublicKey(pem: string, name: string): KeyObject {
	let key: KeyObject | undefined;
	try {
		key = createPublicKey(pem);
	} catch {
		throw wrong(`its public key of '${name}' is no PEM of one`);
	}
	if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
	throw wrong(`its key '${name}' is not on P-256`);
}

function wrong(problem: string): MeshError {
	return new MeshError("KEY_PLUGIN_REFUSED", `key plugin: ${problem}`);
}
