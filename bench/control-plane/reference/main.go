// A snapshot-cache server of go-control-plane with the resources of the benchmark, one snapshot for all nodes.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

type oneHash struct{}

func (oneHash) ID(*core.Node) string { return "all" }

func host(service int) string { return fmt.Sprintf("svc-%d.bench.svc.cluster.local", service) }
func name(service int) string { return "outbound|80||" + host(service) }
func mark(change int) string  { return fmt.Sprintf("10.200.%d.%d", change>>8, change&255) }

func assignment(service, endpoints, change int) types.Resource {
	hosts := []*endpoint.LbEndpoint{}
	for i := 0; i < endpoints; i++ {
		address := fmt.Sprintf("10.%d.%d.%d", 10+i, service>>8, service&255)
		if service == 0 && i == 0 {
			address = mark(change)
		}
		hosts = append(hosts, &endpoint.LbEndpoint{HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{
			Address: &core.Address{Address: &core.Address_SocketAddress{SocketAddress: &core.SocketAddress{
				Address: address, PortSpecifier: &core.SocketAddress_PortValue{PortValue: 8080}}}}}}})
	}
	return &endpoint.ClusterLoadAssignment{ClusterName: name(service), Endpoints: []*endpoint.LocalityLbEndpoints{{LbEndpoints: hosts}}}
}

func routes(service, change int) types.Resource {
	return &route.RouteConfiguration{Name: host(service) + ":80", VirtualHosts: []*route.VirtualHost{{
		Name: host(service), Domains: []string{"*"}, Routes: []*route.Route{{
			Match:  &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}},
			Action: &route.Route_Route{Route: &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: name(service)}}},
			ResponseHeadersToAdd: []*core.HeaderValueOption{{Header: &core.HeaderValue{Key: "x-change", Value: mark(change)}}},
		}}}}}
}

func main() {
	services, _ := strconv.Atoi(os.Args[3])
	endpoints, _ := strconv.Atoi(os.Args[4])
	snapshots := cache.NewSnapshotCache(true, oneHash{}, nil)
	clusters, assignments := []types.Resource{}, []types.Resource{}
	for i := 0; i < services; i++ {
		clusters = append(clusters, &cluster.Cluster{Name: name(i), ConnectTimeout: durationpb.New(5 * time.Second),
			ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
			EdsClusterConfig: &cluster.Cluster_EdsClusterConfig{EdsConfig: &core.ConfigSource{
				ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}}}}})
		assignments = append(assignments, assignment(i, endpoints, 0))
	}
	version, endpointChange, routeChange := 0, 0, 0
	set := func() {
		version++
		assignments[0] = assignment(0, endpoints, endpointChange)
		snapshot, err := cache.NewSnapshot(strconv.Itoa(version), map[resource.Type][]types.Resource{
			resource.ClusterType: clusters, resource.EndpointType: assignments, resource.RouteType: {routes(0, routeChange)}})
		if err == nil {
			err = snapshots.SetSnapshot(context.Background(), "all", snapshot)
		}
		if err != nil {
			panic(err)
		}
	}
	set()
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1000000))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), snapshots, nil))
	go grpcServer.Serve(listener)
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {})
	http.HandleFunc("/endpoint", func(w http.ResponseWriter, r *http.Request) {
		endpointChange, _ = strconv.Atoi(r.URL.RawQuery)
		set()
	})
	http.HandleFunc("/route", func(w http.ResponseWriter, r *http.Request) {
		routeChange, _ = strconv.Atoi(r.URL.RawQuery)
		set()
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
}
