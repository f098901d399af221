// Command client is a stock SPIFFE client, go-spiffe, as the tests talk to it: one question, one line of JSON.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2:]); err != nil {
		say(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func run(ctx context.Context, command string, args []string) error {
	client, err := workloadapi.New(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	switch command {
	case "x509":
		answer, err := client.FetchX509Context(ctx)
		if err != nil {
			return err
		}
		return sayContext(answer)
	case "watch-x509":
		return client.WatchX509Context(ctx, watcher{})
	case "x509-bundles":
		set, err := client.FetchX509Bundles(ctx)
		if err != nil {
			return err
		}
		domains := map[string]int{}
		for _, bundle := range set.Bundles() {
			domains[bundle.TrustDomain().Name()] = len(bundle.X509Authorities())
		}
		return say(map[string]any{"bundles": domains})
	case "jwt":
		params := jwtsvid.Params{Audience: args[0]}
		if len(args) > 1 {
			if params.Subject, err = spiffeid.FromString(args[1]); err != nil {
				return err
			}
		}
		svids, err := client.FetchJWTSVIDs(ctx, params)
		if err != nil {
			return err
		}
		found := []map[string]any{}
		for _, svid := range svids {
			found = append(found, map[string]any{"id": svid.ID.String(), "hint": svid.Hint, "token": svid.Marshal(), "audience": svid.Audience, "expiry": svid.Expiry})
		}
		return say(map[string]any{"svids": found})
	case "jwt-bundles":
		set, err := client.FetchJWTBundles(ctx)
		if err != nil {
			return err
		}
		domains := map[string]int{}
		for _, bundle := range set.Bundles() {
			domains[bundle.TrustDomain().Name()] = len(bundle.JWTAuthorities())
		}
		return say(map[string]any{"bundles": domains})
	case "validate":
		svid, err := client.ValidateJWTSVID(ctx, args[1], args[0])
		if err != nil {
			return err
		}
		return say(map[string]any{"id": svid.ID.String()})
	case "validate-here":
		set, err := client.FetchJWTBundles(ctx)
		if err != nil {
			return err
		}
		svid, err := jwtsvid.ParseAndValidate(args[1], set, []string{args[0]})
		if err != nil {
			return err
		}
		return say(map[string]any{"id": svid.ID.String()})
	case "serve", "get":
		return overTLS(ctx, command, args, client)
	}
	return fmt.Errorf("unknown command %q", command)
}

// overTLS serves one identity, or asks it, with mutual TLS by go-spiffe's own rules.
func overTLS(ctx context.Context, command string, args []string, client *workloadapi.Client) error {
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(client))
	if err != nil {
		return err
	}
	defer source.Close()
	peer, err := spiffeid.FromString(args[0])
	if err != nil {
		return err
	}
	if command == "get" {
		config := tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(peer))
		web := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		answer, err := web.Get(args[1])
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		return say(map[string]any{"status": answer.StatusCode, "body": string(body)})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := say(map[string]any{"address": listener.Addr().String()}); err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := x509svid.IDFromCert(r.TLS.PeerCertificates[0])
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, "hello %s", id)
	})
	config := tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(peer))
	return http.Serve(tls.NewListener(listener, config), handler)
}

type watcher struct{}

func (watcher) OnX509ContextUpdate(answer *workloadapi.X509Context) {
	_ = sayContext(answer)
}

func (watcher) OnX509ContextWatchError(err error) {
	_ = say(map[string]any{"error": err.Error()})
}

func sayContext(answer *workloadapi.X509Context) error {
	found := []map[string]any{}
	for _, svid := range answer.SVIDs {
		if _, _, err := x509svid.Verify(svid.Certificates, answer.Bundles); err != nil {
			return err
		}
		found = append(found, map[string]any{
			"id": svid.ID.String(), "hint": svid.Hint, "dns": svid.Certificates[0].DNSNames,
			"serial": fmt.Sprintf("%x", svid.Certificates[0].SerialNumber), "expiry": svid.Certificates[0].NotAfter,
		})
	}
	return say(map[string]any{"svids": found, "domains": answer.Bundles.Len()})
}

func say(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}
