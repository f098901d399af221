import type { StatsScope } from "../../telemetry/index.ts";

/** Scope `http.<stat_prefix>.fault`. */
export type FaultStats = ReturnType<typeof createFaultStats>;

export function createFaultStats(scope: StatsScope) {
	return {
		aborts_injected: scope.counter("aborts_injected"),
		delays_injected: scope.counter("delays_injected"),
		faults_overflow: scope.counter("faults_overflow"),
		response_rl_injected: scope.counter("response_rl_injected"),
		active_faults: scope.gauge("active_faults"),
	};
}

/** Scope `http.<stat_prefix>.fault.<cluster>`: faults of requests that a cluster sent (`x-envoy-downstream-service-cluster`). */
export type FaultSourceStats = ReturnType<typeof createFaultSourceStats>;

export function createFaultSourceStats(scope: StatsScope) {
	return {
		aborts_injected: scope.counter("aborts_injected"),
		delays_injected: scope.counter("delays_injected"),
	};
}

/** Scope `http.<stat_prefix>.tap`. */
export type TapStats = ReturnType<typeof createTapStats>;

export function createTapStats(scope: StatsScope) {
	return {
		rq_sampled_out: scope.counter("rq_sampled_out"),
		rq_tapped: scope.counter("rq_tapped"),
	};
}

/** Scope `http.<stat_prefix>.rbac`, `<stat_prefix>.rbac` for the network filter; with a `rules_stat_prefix`, one part more. */
export type RbacStats = ReturnType<typeof createRbacStats>;

/** @param shadowScope where counts of shadow rules are, when they have a prefix of their own */
export function createRbacStats(scope: StatsScope, shadowScope = scope) {
	return {
		allowed: scope.counter("allowed"),
		denied: scope.counter("denied"),
		shadow_allowed: shadowScope.counter("shadow_allowed"),
		shadow_denied: shadowScope.counter("shadow_denied"),
	};
}

/** Scope `http.<stat_prefix>.cors`. */
export type CorsStats = ReturnType<typeof createCorsStats>;

export function createCorsStats(scope: StatsScope) {
	return {
		origin_invalid: scope.counter("origin_invalid"),
		origin_valid: scope.counter("origin_valid"),
	};
}

/** Scope `http.<stat_prefix>.basic_auth`. */
export type BasicAuthStats = ReturnType<typeof createBasicAuthStats>;

export function createBasicAuthStats(scope: StatsScope) {
	return { allowed: scope.counter("allowed"), denied: scope.counter("denied") };
}

/** Scope `http.<stat_prefix>.api_key_auth`. */
export type ApiKeyAuthStats = ReturnType<typeof createApiKeyAuthStats>;

export function createApiKeyAuthStats(scope: StatsScope) {
	return {
		allowed: scope.counter("allowed"),
		forbidden: scope.counter("forbidden"),
		unauthorized: scope.counter("unauthorized"),
	};
}

/** Scope `http.<stat_prefix>.credential_injector`. */
export type CredentialInjectorStats = ReturnType<typeof createCredentialInjectorStats>;

export function createCredentialInjectorStats(scope: StatsScope) {
	return {
		already_exists: scope.counter("already_exists"),
		failed: scope.counter("failed"),
		injected: scope.counter("injected"),
	};
}

/** Scope `http.<stat_prefix>.admission_control`. */
export type AdmissionControlStats = ReturnType<typeof createAdmissionControlStats>;

export function createAdmissionControlStats(scope: StatsScope) {
	return {
		rq_failure: scope.counter("rq_failure"),
		rq_rejected: scope.counter("rq_rejected"),
		rq_success: scope.counter("rq_success"),
	};
}

/** Scope `http.<stat_prefix>.csrf`. */
export type CsrfStats = ReturnType<typeof createCsrfStats>;

export function createCsrfStats(scope: StatsScope) {
	return {
		missing_source_origin: scope.counter("missing_source_origin"),
		request_invalid: scope.counter("request_invalid"),
		request_valid: scope.counter("request_valid"),
	};
}

/** Scope `<stat_prefix>.http_local_rate_limit`. */
export type LocalRateLimitStats = ReturnType<typeof createLocalRateLimitStats>;

export function createLocalRateLimitStats(scope: StatsScope) {
	return {
		enabled: scope.counter("enabled"),
		enforced: scope.counter("enforced"),
		ok: scope.counter("ok"),
		rate_limited: scope.counter("rate_limited"),
		shadow_mode: scope.counter("shadow_mode"),
	};
}

/** Scope `http.<stat_prefix>.stateful_session.<stat_prefix of the filter>`; of a route's config without `http.<stat_prefix>`. */
export type StatefulSessionStats = ReturnType<typeof createStatefulSessionStats>;

export function createStatefulSessionStats(scope: StatsScope) {
	return {
		routed: scope.counter("routed"),
		failed_open: scope.counter("failed_open"),
		failed_closed: scope.counter("failed_closed"),
		no_session: scope.counter("no_session"),
	};
}

/** Scope `http.<stat_prefix>.set_metadata`. */
export type SetMetadataStats = ReturnType<typeof createSetMetadataStats>;

export function createSetMetadataStats(scope: StatsScope) {
	return { overwrite_denied: scope.counter("overwrite_denied") };
}

/** Scope `http_filter_name.<stat_prefix of the filter>`. */
export type HeaderToMetadataStats = ReturnType<typeof createHeaderToMetadataStats>;

export function createHeaderToMetadataStats(scope: StatsScope) {
	return {
		request_rules_processed: scope.counter("request_rules_processed"),
		response_rules_processed: scope.counter("response_rules_processed"),
		request_metadata_added: scope.counter("request_metadata_added"),
		response_metadata_added: scope.counter("response_metadata_added"),
		request_header_not_found: scope.counter("request_header_not_found"),
		response_header_not_found: scope.counter("response_header_not_found"),
		base64_decode_failed: scope.counter("base64_decode_failed"),
		header_value_too_long: scope.counter("header_value_too_long"),
		regex_substitution_failed: scope.counter("regex_substitution_failed"),
	};
}

/** Scope `http.<stat_prefix>.health_check`. */
export type HealthCheckFilterStats = ReturnType<typeof createHealthCheckFilterStats>;

export function createHealthCheckFilterStats(scope: StatsScope) {
	return {
		request_total: scope.counter("request_total"),
		ok: scope.counter("ok"),
		failed: scope.counter("failed"),
		degraded: scope.counter("degraded"),
		cached_response: scope.counter("cached_response"),
		failed_cluster_not_found: scope.counter("failed_cluster_not_found"),
		failed_cluster_empty: scope.counter("failed_cluster_empty"),
		failed_cluster_unhealthy: scope.counter("failed_cluster_unhealthy"),
	};
}

/** Scope `http.<stat_prefix>.compressor.<library name>.<library>.<direction>`. */
export type CompressorStats = ReturnType<typeof createCompressorStats>;

export function createCompressorStats(scope: StatsScope) {
	return {
		compressed: scope.counter("compressed"),
		not_compressed: scope.counter("not_compressed"),
		total_uncompressed_bytes: scope.counter("total_uncompressed_bytes"),
		total_compressed_bytes: scope.counter("total_compressed_bytes"),
		content_length_too_small: scope.counter("content_length_too_small"),
	};
}

/** The same scope, of answers. */
export type CompressorResponseStats = ReturnType<typeof createCompressorResponseStats>;

export function createCompressorResponseStats(scope: StatsScope) {
	return {
		no_accept_header: scope.counter("no_accept_header"),
		header_identity: scope.counter("header_identity"),
		header_compressor_used: scope.counter("header_compressor_used"),
		header_compressor_overshadowed: scope.counter("header_compressor_overshadowed"),
		header_wildcard: scope.counter("header_wildcard"),
		header_not_valid: scope.counter("header_not_valid"),
		not_compressed_etag: scope.counter("not_compressed_etag"),
	};
}

/** Scope `http.<stat_prefix>.decompressor.<library name>.<library>.<direction>`. */
export type DecompressorStats = ReturnType<typeof createDecompressorStats>;

export function createDecompressorStats(scope: StatsScope) {
	return {
		decompressed: scope.counter("decompressed"),
		not_decompressed: scope.counter("not_decompressed"),
		total_uncompressed_bytes: scope.counter("total_uncompressed_bytes"),
		total_compressed_bytes: scope.counter("total_compressed_bytes"),
	};
}

/** Scope `http.<stat_prefix>.decompressor.<library name>.<library>.decompressor_library`: bodies that are none of the coding. */
export type CodingErrorStats = ReturnType<typeof createCodingErrorStats>;

export function createCodingErrorStats(scope: StatsScope, library: "gzip" | "brotli" | "zstd" = "gzip") {
	if (library === "gzip") {
		return {
			// Never more than 0: what these two are about cannot happen here.
			errno: scope.counter("zlib_errno"),
			version: scope.counter("zlib_version_error"),
			data: scope.counter("zlib_data_error"),
			buffer: scope.counter("zlib_buf_error"),
			memory: scope.counter("zlib_mem_error"),
			other: scope.counter("zlib_stream_error"),
		};
	}
	const error = scope.counter(library === "brotli" ? "brotli_error" : "zstd_generic_error");
	return { data: error, buffer: error, memory: error, other: error };
}

/** Scope `json_to_metadata`. */
export type JsonToMetadataStats = ReturnType<typeof createJsonToMetadataStats>;

export function createJsonToMetadataStats(scope: StatsScope) {
	return {
		"rq.success": scope.counter("rq.success"),
		"rq.mismatched_content_type": scope.counter("rq.mismatched_content_type"),
		"rq.no_body": scope.counter("rq.no_body"),
		"rq.invalid_json_body": scope.counter("rq.invalid_json_body"),
		"resp.success": scope.counter("resp.success"),
		"resp.mismatched_content_type": scope.counter("resp.mismatched_content_type"),
		"resp.no_body": scope.counter("resp.no_body"),
		"resp.invalid_json_body": scope.counter("resp.invalid_json_body"),
	};
}

/** Scope `<stat_prefix of the filter>.http_bandwidth_limit`. */
export type BandwidthLimitStats = ReturnType<typeof createBandwidthLimitStats>;

export function createBandwidthLimitStats(scope: StatsScope) {
	return {
		request_enabled: scope.counter("request_enabled"),
		request_enforced: scope.counter("request_enforced"),
		request_incoming_total_size: scope.counter("request_incoming_total_size"),
		request_allowed_total_size: scope.counter("request_allowed_total_size"),
		request_pending: scope.gauge("request_pending"),
		request_incoming_size: scope.gauge("request_incoming_size"),
		request_allowed_size: scope.gauge("request_allowed_size"),
		request_transfer_duration: scope.histogram("request_transfer_duration"),
		response_enabled: scope.counter("response_enabled"),
		response_enforced: scope.counter("response_enforced"),
		response_incoming_total_size: scope.counter("response_incoming_total_size"),
		response_allowed_total_size: scope.counter("response_allowed_total_size"),
		response_pending: scope.gauge("response_pending"),
		response_incoming_size: scope.gauge("response_incoming_size"),
		response_allowed_size: scope.gauge("response_allowed_size"),
		response_transfer_duration: scope.histogram("response_transfer_duration"),
	};
}

/** Scope `http.<stat_prefix>.composite`. */
export type CompositeStats = ReturnType<typeof createCompositeStats>;

export function createCompositeStats(scope: StatsScope) {
	return {
		filter_delegation_success: scope.counter("filter_delegation_success"),
		filter_delegation_error: scope.counter("filter_delegation_error"),
	};
}
