/** Where statistics are sent by themselves, as `stats_sinks` says. What is counted is proxy/stats, what is shown on request is
 *  proxy/admin. Spec: envoy.config.metrics.v3, statsd and DogStatsD datagrams. */
export { createStatsdSink, type SendDatagram, type StatsdSource, type StatsSink } from "./statsd-sink.ts";
export { openUdpSender, type UdpSender } from "./udp-sender.ts";
