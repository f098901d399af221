import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TokenBucketSchema } from "../../../api/gen/envoy/type/v3/token_bucket_pb.js";

type BucketInit = Extract<MessageInitShape<typeof TokenBucketSchema>, { readonly $typeName?: undefined }>;

const maxTokens = 4_294_967_295;
const maxIntervalSeconds = 10_000_000;

/** How a bucket of a rate fills, in whole tokens and seconds. Envoy tells whether a bucket changed by its tokens alone, so that interval is
 *  the longest that tokens have room for; what is lost by rounding is less than a thousandth but for a few requests a day. */
export function fillOf(ratePerSecond: number): Required<Pick<BucketInit, "tokensPerFill" | "fillInterval">> {
	const exponent = Math.min(7, Math.max(0, Math.floor(Math.log10(1e9 / Math.max(ratePerSecond, 1e-9)))));
	const seconds = Math.min(maxIntervalSeconds, 10 ** exponent);
	const tokens = Math.min(maxTokens, Math.max(1, Math.floor(ratePerSecond * seconds)));
	return { tokensPerFill: tokens, fillInterval: { seconds: BigInt(seconds), nanos: 0 } };
}
