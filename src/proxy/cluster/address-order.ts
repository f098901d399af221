import type { AddressConfig, HappyEyeballsConfig } from "../runtime-config/index.ts";

/** The order in which the addresses of one host are tried: some of the first family, then one of the others, in turn.
 *  Spec: RFC 8305, section 4; Envoy `HappyEyeballsConnectionProvider::sortAddressesWithConfig`. */
export function orderAddresses(
	addresses: readonly AddressConfig[],
	{ firstFamily, firstCount }: HappyEyeballsConfig,
): readonly AddressConfig[] {
	if (addresses.length < 2) return addresses;
	const family = firstFamily ?? familyOf(addresses[0]!);
	const first = addresses.filter((address) => familyOf(address) === family);
	const others = addresses.filter((address) => familyOf(address) !== family);
	const ordered: AddressConfig[] = [];
	while (first.length > 0 || others.length > 0) {
		ordered.push(...first.splice(0, firstCount), ...others.splice(0, 1));
	}
	return ordered;
}

function familyOf(address: AddressConfig): 4 | 6 | undefined {
	if (address.kind !== "socket") return undefined;
	return address.address.includes(":") ? 6 : 4;
}
