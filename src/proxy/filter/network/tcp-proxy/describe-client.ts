import type { ConnectionFacts, StreamInfo } from "../../../../engine/format/index.ts";
import type { TcpProxyConfig } from "../../../runtime-config/index.ts";

/** The client as a PROXY header tells the upstream of it: with the configured extensions where it brought no header of its own. */
export function describeClient({ proxyTlvs }: TcpProxyConfig, record: StreamInfo): ConnectionFacts {
	const { connection } = record;
	if (proxyTlvs.length === 0 || connection.proxyHeader !== undefined) return connection;
	const tlvs = proxyTlvs.map(({ type, value }) => ({
		type,
		value: "format" in value ? Buffer.from(value.format(record), "latin1") : value,
	}));
	return { ...connection, proxyHeader: { version: 2, tlvs } };
}
