import { isUtf8 } from "node:buffer";
import type { SocketAddress } from "../../../engine/format/index.ts";
import { type ProxyFirstBytes, type ProxyTlv, parseProxyHeader } from "../../../wire/proxy-protocol/index.ts";
import type { ProxyProtocolConfig } from "../../runtime-config/index.ts";
import type { ProxyProtocolStats } from "../../stats/index.ts";
import type { ListenerFilter, PendingConnection } from "./listener-filter.ts";

/** Takes the PROXY header off a connection and believes it. */
export function createProxyProtocol(config: ProxyProtocolConfig, stats: ProxyProtocolStats): ListenerFilter {
	return {
		inspect(bytes, connection) {
			// A header that is not read is data where no header need be.
			if (config.allowAbsent && config.disallowedVersions.some((version) => bytes[0] === firstByte[version])) {
				return absent();
			}
			const parsed = parseProxyHeader(bytes);
			switch (parsed.kind) {
				case "incomplete":
					return "more";
				case "absent":
					if (config.allowAbsent || bytes.length >= version2HeadBytes) return absent();
					// Too short for version 2: as in Envoy it may still become a (broken) line of version 1.
					return bytes.includes("\r\n") ? malformed(1) : "more";
				case "malformed":
					if (parsed.version === 1 && !bytes.includes("\r\n")) return notFound();
					if (parsed.version === 1 && isDisallowed(1) && bytes.subarray(0, maxLineBytes).includes("\r\n")) {
						stats.version(1).found.value++;
						stats.version(1).disallowed.value++;
						return "refuse";
					}
					return malformed(parsed.version);
				default:
					return take(parsed, connection);
			}
		},
	};

	function absent(): "refuse" | number {
		if (!config.allowAbsent) return notFound();
		stats.not_found_allowed.value++;
		return 0;
	}

	function notFound(): "refuse" {
		stats.not_found_disallowed.value++;
		stats.downstream_cx_proxy_proto_error.value++;
		return "refuse";
	}

	function malformed(version: 1 | 2): "refuse" {
		stats.version(version).error.value++;
		stats.downstream_cx_proxy_proto_error.value++;
		return "refuse";
	}

	function isDisallowed(version: 1 | 2): boolean {
		return config.disallowedVersions.includes(version);
	}

	function take(
		header: Extract<ProxyFirstBytes, { kind: "header" }>,
		connection: PendingConnection,
	): "refuse" | number {
		stats.version(header.version).found.value++;
		if (isDisallowed(header.version)) {
			stats.version(header.version).disallowed.value++;
			return "refuse";
		}
		const { addresses, tlvs } = header;
		if (addresses !== undefined) {
			connection.remote = describe(addresses.sourceIp, addresses.sourcePort);
			connection.local = describe(addresses.destinationIp, addresses.destinationPort);
			connection.isLocalRestored = true;
		}
		const { passThrough } = config;
		connection.proxyHeader = {
			version: header.version,
			tlvs: passThrough === "all" ? tlvs : tlvs.filter(({ type }) => passThrough.includes(type)),
		};
		keepTlvs(config, tlvs, connection);
		return header.length;
	}
}

const firstByte = { 1: 0x50, 2: 0x0d } as const;
/** So many bytes of a connection that must have a header are waited for before it is refused. */
const version2HeadBytes = 16;
/** The longest line of version 1. */
const maxLineBytes = 108;

/** Of rules for one type the last counts. Of extensions of one type, the first becomes metadata and the last filter state, as in Envoy. */
function keepTlvs(config: ProxyProtocolConfig, tlvs: readonly ProxyTlv[], connection: PendingConnection): void {
	const rules = new Map(config.rules.map((rule) => [rule.type, rule]));
	for (const { type, namespace, key } of rules.values()) {
		const isOfType = (tlv: ProxyTlv): boolean => tlv.type === type;
		const tlv = config.keepsTlvsInFilterState ? tlvs.findLast(isOfType) : tlvs.find(isOfType);
		if (tlv === undefined) continue;
		const value = readText(tlv.value);
		if (config.keepsTlvsInFilterState) {
			const name = "envoy.network.proxy_protocol.tlv";
			connection.filterState ??= new Map();
			const known = (connection.filterState.get(name) as Record<string, string> | undefined) ?? {};
			connection.filterState.set(name, { ...known, [key]: value });
		} else {
			connection.dynamicMetadata ??= new Map();
			const known = (connection.dynamicMetadata.get(namespace) as Record<string, string> | undefined) ?? {};
			connection.dynamicMetadata.set(namespace, { ...known, [key]: value });
		}
	}
}

/** UTF-8, with `!` for every byte that is none. */
function readText(bytes: Buffer): string {
	if (isUtf8(bytes)) return bytes.toString("utf8");
	let text = "";
	for (let at = 0; at < bytes.length; ) {
		const length = [1, 2, 3, 4].find((size) => at + size <= bytes.length && isUtf8(bytes.subarray(at, at + size)));
		text += length === undefined ? "!" : bytes.toString("utf8", at, at + length);
		at += length ?? 1;
	}
	return text;
}

function describe(ip: string, port: number): SocketAddress {
	return { text: ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`, ip, port };
}
