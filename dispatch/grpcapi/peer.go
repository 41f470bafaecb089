package grpcapi

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// gatewayPeer is the metadata in which our own gateway tells the address of its
// caller. It counts only over the in-process connection.
const gatewayPeer = "firstfix-gateway-peer"

// proxies are the networks of load balancers whose word on the address of a
// caller is taken.
type proxies []netip.Prefix

func (p proxies) contain(a netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// address is where a call comes from: the nearest address that is not a trusted
// proxy's. The zero address stands for one that is not known.
func (p proxies) address(ctx context.Context) netip.Addr {
	md, _ := metadata.FromIncomingContext(ctx)
	nearest := netip.Addr{}
	if from, ok := peer.FromContext(ctx); ok {
		if from.Addr.Network() == "bufconn" {
			nearest = parseAddress(strings.Join(md.Get(gatewayPeer), ""))
		} else {
			nearest = parseAddress(from.Addr.String())
		}
	}
	hops := strings.Split(strings.Join(md.Get("x-forwarded-for"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.contain(nearest); i-- {
		hop := parseAddress(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			break
		}
		nearest = hop
	}
	return nearest
}

// parseAddress reads "host:port" or "host"; the zero address if it is neither.
func parseAddress(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
