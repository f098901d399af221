import { hashBytes, type ReceivedResource } from "../../xds/client/index.ts";

/** Where an accepted resource came from. */
export type ResourceOrigin = "bootstrap" | "server" | "file" | "disk";

/** A resource that was accepted, as it came. */
export interface AcceptedResource {
	readonly typeUrl: string;
	readonly name: string;
	readonly version: string;
	/** The packed message. */
	readonly value: Uint8Array;
	readonly hash: string;
	readonly origin: ResourceOrigin;
	/** Milliseconds since the epoch. */
	readonly updatedAt: number;
	/** Whether it may be written to disk: it carries no private key. */
	readonly isStorable: boolean;
}

/** The newest refusal of a resource. */
export interface RefusedVersion {
	readonly typeUrl: string;
	readonly name: string;
	readonly version: string;
	readonly problem: string;
	readonly updatedAt: number;
	/** The packed message that was refused; undefined when it could not be told apart. */
	readonly value: Uint8Array | undefined;
}

/** What was accepted and refused, by type and name: for the admin port, for the disk, and to see what did not change. */
export interface ResourceBook {
	accept(typeUrl: string, resource: ReceivedResource, origin: ResourceOrigin, isStorable: boolean): void;
	refuse(typeUrl: string, resource: ReceivedResource, problem: string): void;
	/** Refusals of earlier updates of a type are no news any more. */
	forgetRefused(typeUrl: string): void;
	/** Goes up with every change of what is accepted of a type, and with everything accepted. */
	changesOf(typeUrl: string): number;
	acceptedOf(typeUrl: string): number;
	remove(typeUrl: string, name: string): void;
	get(typeUrl: string, name: string): AcceptedResource | undefined;
	/** Whether `resource` is what was accepted last. */
	isSame(typeUrl: string, resource: ReceivedResource): boolean;
	accepted(): AcceptedResource[];
	refused(): RefusedVersion[];
}

export function createResourceBook(wall: () => number): ResourceBook {
	const accepted = new Map<string, Map<string, AcceptedResource>>();
	const refused = new Map<string, RefusedVersion>();
	const changes = new Map<string, number>();
	const acceptances = new Map<string, number>();
	const countChange = (typeUrl: string): void => void changes.set(typeUrl, (changes.get(typeUrl) ?? 0) + 1);
	const keyOf = (typeUrl: string, name: string): string => `${typeUrl}/${name}`;
	const get = (typeUrl: string, name: string): AcceptedResource | undefined => accepted.get(typeUrl)?.get(name);
	return {
		accept(typeUrl, { name, value, version }, origin, isStorable) {
			let ofType = accepted.get(typeUrl);
			if (ofType === undefined) {
				ofType = new Map();
				accepted.set(typeUrl, ofType);
			}
			const hash = hashBytes(value);
			ofType.set(name, { typeUrl, name, version, value, hash, origin, updatedAt: wall(), isStorable });
			refused.delete(keyOf(typeUrl, name));
			countChange(typeUrl);
			acceptances.set(typeUrl, (acceptances.get(typeUrl) ?? 0) + 1);
		},
		refuse(typeUrl, { name, version, value }, problem) {
			refused.set(keyOf(typeUrl, name), { typeUrl, name, version, problem, value, updatedAt: wall() });
		},
		forgetRefused(typeUrl) {
			for (const [key, refusal] of refused) if (refusal.typeUrl === typeUrl) refused.delete(key);
		},
		acceptedOf: (typeUrl) => acceptances.get(typeUrl) ?? 0,
		changesOf: (typeUrl) => changes.get(typeUrl) ?? 0,
		remove(typeUrl, name) {
			if (accepted.get(typeUrl)?.delete(name) === true) countChange(typeUrl);
			refused.delete(keyOf(typeUrl, name));
		},
		get,
		isSame(typeUrl, { name, value }) {
			const known = get(typeUrl, name);
			return known !== undefined && known.value.length === value.length && known.hash === hashBytes(value);
		},
		accepted: () => [...accepted.values()].flatMap((ofType) => [...ofType.values()]),
		refused: () => [...refused.values()],
	};
}
