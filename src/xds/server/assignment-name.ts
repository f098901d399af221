import { fromBinary } from "@bufbuild/protobuf";
import { Cluster_DiscoveryType, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";

/** The name under which a packed cluster asks for its endpoints; undefined when it does not use EDS or cannot be read. */
export function readAssignmentName(cluster: Uint8Array): string | undefined {
	try {
		const message = fromBinary(ClusterSchema, cluster);
		const discovery = message.clusterDiscoveryType;
		if (discovery.case !== "type" || discovery.value !== Cluster_DiscoveryType.EDS) return undefined;
		return message.edsClusterConfig?.serviceName || message.name;
	} catch {
		return undefined;
	}
}
