import { isIP } from "node:net";
import { getHeader } from "../../../../core/index.ts";
import type { SocketAddress } from "../../../../engine/format/index.ts";
import { type CidrRange, isInAnyCidr } from "../../../../engine/matcher/index.ts";
import type { InternalAddressConfig, OriginalIpDetection } from "../../../runtime-config/index.ts";
import type { HttpStream } from "./http-stream.ts";

/** The client's address as headers tell it. */
export interface DetectedAddress {
	/** Undefined: the peer of the connection. */
	readonly address: SocketAddress | undefined;
	/** Whether the address may count as internal: the only one, or said to be trusted. */
	readonly isSingle: boolean;
	/** Whether the peer is put behind x-forwarded-for. */
	readonly appendsPeer: boolean;
	/** Not 0: the request is refused with this status. */
	readonly rejectStatus: number;
}

/** Who sent the request, by `use_remote_address`, x-forwarded-for and the configured detections; before the proxy adds its own. */
export function detectClientAddress(stream: HttpStream): DetectedAddress {
	const { config } = stream.manager;
	const forwarded = getHeader(stream.request.headers, "x-forwarded-for");
	if (config.useRemoteAddress) {
		const hops = config.xffNumTrustedHops;
		const address = hops > 0 ? findForwarded(forwarded, hops - 1).address : undefined;
		const isSingle = forwarded === undefined;
		return {
			address: address ?? stream.connection.remote,
			isSingle,
			appendsPeer: !config.skipXffAppend,
			rejectStatus: 0,
		};
	}
	if (config.originalIpDetection.length === 0) {
		return { ...findForwarded(forwarded, config.xffNumTrustedHops), appendsPeer: false, rejectStatus: 0 };
	}
	let found: DetectedAddress | undefined;
	for (const detection of config.originalIpDetection) {
		found = detect(detection, stream, forwarded);
		if (found.rejectStatus !== 0 || found.address !== undefined) break;
	}
	return found!;
}

function detect(detection: OriginalIpDetection, stream: HttpStream, forwarded: string | undefined): DetectedAddress {
	if (detection.kind === "xff") {
		const { numTrustedHops, trustedRanges, skipXffAppend } = detection;
		const appendsPeer = !skipXffAppend;
		if (trustedRanges === undefined)
			return { ...findForwarded(forwarded, numTrustedHops), appendsPeer, rejectStatus: 0 };
		if (!isInAnyCidr(trustedRanges, stream.connection.remote.ip))
			return { address: undefined, isSingle: false, appendsPeer: true, rejectStatus: 0 };
		return { ...findBehindTrusted(forwarded, trustedRanges), appendsPeer, rejectStatus: 0 };
	}
	const text = getHeader(stream.request.headers, detection.header);
	const address = text === undefined ? undefined : parseAddress(text);
	return {
		address,
		isSingle: detection.trusted,
		appendsPeer: false,
		rejectStatus: address === undefined ? detection.rejectStatus : 0,
	};
}

/** The address `skip` places from the end of x-forwarded-for. */
function findForwarded(
	forwarded: string | undefined,
	skip: number,
): { readonly address: SocketAddress | undefined; readonly isSingle: boolean } {
	if (forwarded === undefined) return { address: undefined, isSingle: false };
	const parts = forwarded.split(",");
	const text = parts[parts.length - 1 - skip]?.trim();
	const address = text === undefined ? undefined : parseAddress(text);
	return { address, isSingle: address !== undefined && skip === 0 && parts.length === 1 };
}

/** The last address of x-forwarded-for that is none of `trusted`, or the first when all are. */
function findBehindTrusted(
	forwarded: string | undefined,
	trusted: readonly CidrRange[],
): { readonly address: SocketAddress | undefined; readonly isSingle: boolean } {
	if (forwarded === undefined) return { address: undefined, isSingle: false };
	const parts = forwarded.split(",");
	let address: SocketAddress | undefined;
	for (let index = parts.length - 1; index >= 0; index--) {
		address = parseAddress(parts[index]!.trim());
		if (address === undefined || !isInAnyCidr(trusted, address.ip)) break;
	}
	return { address, isSingle: address !== undefined && parts.length === 1 };
}

function parseAddress(text: string): SocketAddress | undefined {
	const family = isIP(text);
	if (family === 0) return undefined;
	return { text: family === 6 ? `[${text}]:0` : `${text}:0`, ip: text, port: 0 };
}

/** Whether an address counts as internal (`internal_address_config`; RFC 1918 and RFC 4193 unless configured). */
export function isInternalAddress(config: InternalAddressConfig, address: SocketAddress): boolean {
	if (isIP(address.ip) === 0) return config.unixSockets;
	if (config.ranges !== undefined) return isInAnyCidr(config.ranges, address.ip);
	return false;
}
