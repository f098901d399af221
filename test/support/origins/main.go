// An HTTP/1.1 server of Go's standard library: says its port, then the request id of every request that it takes for one.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		fmt.Printf("seen %s\n", request.Header.Get("x-request-id"))
		_, _ = io.Copy(io.Discard, request.Body)
		_, _ = writer.Write([]byte(request.Header.Get("x-echo")))
	})
	panic(http.Serve(listener, handler))
}
