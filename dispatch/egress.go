package dispatch

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Egress says where calls to addresses that tenants choose may go: to the public
// internet and nowhere else. An operator may let single networks in, a tenant never.
type Egress struct {
	// Allowed are networks that may be reached although they are not public.
	Allowed []netip.Prefix
	// Self are host names of this installation, which must not call itself.
	Self []string
}

// forbiddenNetworks is what no tenant may make us call: everything that is not a
// public unicast address by the special-purpose registries of IANA (RFC 6890 and
// what followed it), which hold loopback, private, link-local with the metadata
// services of clouds, shared (CGNAT), documentation, benchmarking, multicast and
// reserved addresses.
var forbiddenNetworks = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)

// publicV6 is what of IPv6 is public unicast, and forbiddenV6 what of that is not.
var (
	publicV6    = netip.MustParsePrefix("2000::/3")
	forbiddenV6 = prefixes("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20")
	nat64       = prefixes("64:ff9b::/96")
	sixToFour   = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

func within(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Permits reports whether an address may be called. Addresses that carry another one
// within them (IPv4-mapped, NAT64, 6to4) are judged by that.
func (e Egress) Permits(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if within(e.Allowed, a) {
		return true
	}
	if a.Is4() {
		return !within(forbiddenNetworks, a)
	}
	bytes := a.As16()
	switch {
	case !a.IsValid():
		return false
	case within(nat64, a):
		return e.Permits(netip.AddrFrom4([4]byte(bytes[12:])))
	case sixToFour.Contains(a):
		return e.Permits(netip.AddrFrom4([4]byte(bytes[2:6])))
	}
	return publicV6.Contains(a) && !within(forbiddenV6, a)
}

// PermitsDial reports whether a connection may be made: to the ports of the web, or to
// any of a network that the operator let in.
func (e Egress) PermitsDial(to netip.AddrPort) bool {
	a := to.Addr().Unmap().WithZone("")
	return e.Permits(a) && (webPort(to.Port()) || within(e.Allowed, a))
}

func webPort(port uint16) bool { return port == 443 || port == 8443 }

// CheckURL reads the address of a webhook. What can be seen from its text is refused
// here, with what was expected; what its name resolves to is judged at every call.
func (e Egress) CheckURL(field, text string) (string, error) {
	wrong := func(format string, args ...any) (string, error) {
		return "", InvalidField(ReasonURLNotAllowed, field, format, args...)
	}
	u, err := url.Parse(text)
	if err != nil || strings.ContainsAny(text, "\\ \t\r\n") {
		return wrong("it is not a URL, expected e.g. https://crm.example.org/firstfix")
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case u.Scheme != "https":
		return wrong("its scheme is %.20q, expected https", u.Scheme)
	case u.User != nil:
		return wrong("it carries a user or password: what is sent is signed instead")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return wrong("it has a fragment, which no server ever gets")
	case host == "":
		return wrong("it names no host")
	}
	if port := u.Port(); port != "" && port != "443" && port != "8443" && len(e.Allowed) == 0 {
		return wrong("its port is %.10s, expected 443 or 8443", port)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || !e.Permits(a) {
			return wrong("the address %s is not one of the public internet", a)
		}
		return u.String(), nil
	}
	return e.checkName(wrong, u, host)
}

func (e Egress) checkName(wrong func(string, ...any) (string, error), u *url.URL, host string) (string, error) {
	name := strings.TrimSuffix(host, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	ascii, err := idna.Lookup.ToASCII(name)
	switch {
	case isNumber(last):
		// "2130706433", "0x7f.1" and "0177.0.0.1" are addresses to some resolvers.
		return wrong("the host %.80q is a number in disguise, expected a name or a plain address", host)
	case err != nil:
		return wrong("the host %.80q is not a name", host)
	case name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal"):
		return wrong("the host %.80q is not one of the public internet", host)
	case !strings.Contains(name, ".") && len(e.Allowed) == 0:
		return wrong("the host %.80q has no domain, expected a full name such as crm.example.org", host)
	case slices.Contains(e.Self, ascii):
		return wrong("the host %.80q is this installation itself", host)
	}
	return u.String(), nil
}

func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		label = hex
		_, err := strconv.ParseUint("0"+label, 16, 64)
		return err == nil
	}
	_, err := strconv.ParseUint(label, 10, 64)
	return err == nil
}
