package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/cmd/internal/sample"
)

// apiClient is how subcommands that call the public API reach it.
type apiClient struct {
	Server string `env:"FIRSTFIX_API_GRPC" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where gRPC is served (${default}); with TLS unless it is this machine."`
	Token  string `env:"FIRSTFIX_TOKEN" required:"" placeholder:"JWT" help:"Access token of an administrator."`
}

// largestAnswer bounds an answer: a map with all its corners.
const largestAnswer = 64 << 20

// dial opens a connection whose calls carry the token.
func (c apiClient) dial() (*grpc.ClientConn, error) {
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, fmt.Errorf("--server: %q is not an address, expected host:port", c.Server)
	}
	transport := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
		transport = insecure.NewCredentials()
	}
	return grpc.NewClient(c.Server,
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer(c.Token)),
		grpc.WithUnaryInterceptor(sample.Patient),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestAnswer)),
	)
}

// bearer is a token as the credential of every call.
type bearer string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. dial keeps
// the token from the network without TLS; this machine's own traffic is not on it.
func (bearer) RequireTransportSecurity() bool { return false }

// said gives what the server said without the wrapping of the transport.
func said(err error) error {
	if s, ok := status.FromError(err); ok && err != nil {
		return errors.New(s.Message())
	}
	return err
}
