import type { TlsCertificate } from "../../engine/format/index.ts";
import type { GenericSecret } from "./secret.ts";

/** What took an identity away: its agent was banned, or its registration entry is gone. */
export type Revocation = "agent" | "entry";

/** Peers whose identity was taken away. */
export interface RevokedPeers {
	find(peer: Pick<TlsCertificate, "subject" | "validFromMs">): Revocation | undefined;
}

/** A secret is read once. */
const known = new WeakMap<GenericSecret, RevokedPeers>();

/** Reads the list that our control plane keeps: JSON, by what the serial number in a certificate's subject begins or ends with, the
 *  newest beginning (`notBefore`, milliseconds since the epoch) that is not good any more. What cannot be read names nobody. */
export function readRevokedPeers(secret: GenericSecret): RevokedPeers {
	const read = known.get(secret) ?? parse(secret.bytes);
	known.set(secret, read);
	return read;
}

function parse(bytes: Buffer): RevokedPeers {
	const { agents, entries } = readLists(bytes);
	if (agents.size === 0 && entries.size === 0) return { find: () => undefined };
	return {
		find({ subject, validFromMs }) {
			const mark = /(?:^|,)(?:serialNumber|2\.5\.4\.5)=([0-9a-f]{32})(?:,|$)/.exec(subject)?.[1];
			if (mark === undefined) return undefined;
			if (validFromMs <= (agents.get(mark.slice(0, 16)) ?? 0)) return "agent";
			return validFromMs <= (entries.get(mark.slice(16)) ?? 0) ? "entry" : undefined;
		},
	};
}

type Times = ReadonlyMap<string, number>;

function readLists(bytes: Buffer): { readonly agents: Times; readonly entries: Times } {
	try {
		const lists = JSON.parse(bytes.toString("utf8")) as Readonly<Record<string, unknown>> | null;
		return { agents: readTimes(lists?.["agents"]), entries: readTimes(lists?.["entries"]) };
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
		return { agents: new Map(), entries: new Map() };
	}
}

function readTimes(value: unknown): Times {
	if (typeof value !== "object" || value === null) return new Map();
	return new Map(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === "number"));
}
