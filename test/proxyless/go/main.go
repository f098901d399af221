// A gRPC client and server for the conformance tests, told what to do by lines of JSON on its input; see ../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	xdscredentials "google.golang.org/grpc/credentials/xds"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"
)

type command struct {
	ID        int               `json:"id"`
	Do        string            `json:"do"`
	Target    string            `json:"target"`
	Secure    bool              `json:"secure"`
	Count     int               `json:"count"`
	Headers   map[string]string `json:"headers"`
	Method    string            `json:"method"`
	TimeoutMs int               `json:"timeoutMs"`
	Address   string            `json:"address"`
	Name      string            `json:"name"`
}

type answer struct {
	ID      int      `json:"id"`
	Results []string `json:"results"`
}

// rawCodec passes messages as they are.
type rawCodec struct{}

func (rawCodec) Name() string                       { return "raw" }
func (rawCodec) Marshal(value any) ([]byte, error)  { return *value.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, to any) error { *to.(*[]byte) = append([]byte{}, data...); return nil }

var channels = map[string]*grpc.ClientConn{}

func channel(target string, secure bool) (*grpc.ClientConn, error) {
	key := fmt.Sprint(target, secure)
	if found := channels[key]; found != nil {
		return found, nil
	}
	var chosen credentials.TransportCredentials = insecure.NewCredentials()
	if secure {
		created, err := xdscredentials.NewClientCredentials(xdscredentials.ClientOptions{FallbackCreds: chosen})
		if err != nil {
			return nil, err
		}
		chosen = created
	}
	created, err := grpc.NewClient(target, grpc.WithTransportCredentials(chosen), grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
	if err == nil {
		channels[key] = created
	}
	return created, err
}

func call(told command) []string {
	connection, err := channel(told.Target, told.Secure)
	if err != nil {
		return []string{"! " + err.Error()}
	}
	results := []string{}
	for range told.Count {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(told.TimeoutMs)*time.Millisecond)
		for name, value := range told.Headers {
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
		request, reply := []byte("hello"), []byte{}
		err := connection.Invoke(ctx, "/amime.test.Echo/"+told.Method, &request, &reply)
		cancel()
		if err != nil {
			results = append(results, fmt.Sprintf("!%d %s", status.Code(err), err.Error()))
		} else {
			results = append(results, string(reply))
		}
	}
	return results
}

func serve(told command) []string {
	chosen := insecure.NewCredentials()
	if told.Secure {
		created, err := xdscredentials.NewServerCredentials(xdscredentials.ServerOptions{FallbackCreds: chosen})
		if err != nil {
			return []string{"! " + err.Error()}
		}
		chosen = created
	}
	server, err := xds.NewGRPCServer(grpc.Creds(chosen), grpc.ForceServerCodec(rawCodec{}))
	if err != nil {
		return []string{"! " + err.Error()}
	}
	answerName := func(_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		request := []byte{}
		if err := decode(&request); err != nil {
			return nil, err
		}
		handle := func(context.Context, any) (any, error) { reply := []byte(told.Name); return &reply, nil }
		method, _ := grpc.Method(ctx)
		if intercept == nil {
			return handle(ctx, request)
		}
		return intercept(ctx, request, &grpc.UnaryServerInfo{FullMethod: method}, handle)
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "amime.test.Echo",
		Methods: []grpc.MethodDesc{
			{MethodName: "Echo", Handler: answerName},
			{MethodName: "Admin", Handler: answerName},
		},
	}, nil)
	listener, err := net.Listen("tcp", told.Address)
	if err != nil {
		return []string{"! " + err.Error()}
	}
	go server.Serve(listener)
	return []string{"serving"}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var told command
		if err := json.Unmarshal(lines.Bytes(), &told); err != nil {
			panic(err)
		}
		results := []string{}
		if told.Do == "serve" {
			results = serve(told)
		} else {
			results = call(told)
		}
		json.NewEncoder(os.Stdout).Encode(answer{ID: told.ID, Results: results})
	}
}
