package dispatch_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
)

// Every way that is known to write an address of the inside, and what the text of a
// URL gives away at once (P19).
func TestCheckURLRefuses(t *testing.T) {
	t.Parallel()
	egress := dispatch.Egress{Self: []string{"book.example.com"}}
	for url, why := range map[string]string{
		"http://crm.example.org/":                    "expected https",
		"ftp://crm.example.org/":                     "expected https",
		"file:///etc/passwd":                         "expected https",
		"gopher://crm.example.org/":                  "expected https",
		"//crm.example.org/":                         "expected https",
		"https://127.0.0.1/":                         "public internet",
		"https://[::1]/":                             "public internet",
		"https://0.0.0.0/":                           "public internet",
		"https://localhost./":                        "public internet",
		"https://LOCALHOST/":                         "public internet",
		"https://api.localhost/":                     "public internet",
		"https://metadata.google.internal/":          "public internet",
		"https://printer.local/":                     "public internet",
		"https://169.254.169.254/latest/meta-data":   "public internet",
		"https://[fe80::1]/":                         "public internet",
		"https://[fe80::1%25eth0]/":                  "public internet",
		"https://[fd00:ec2::254]/":                   "public internet",
		"https://10.0.0.1/":                          "public internet",
		"https://172.31.255.1/":                      "public internet",
		"https://192.168.1.1/":                       "public internet",
		"https://100.64.0.1/":                        "public internet",
		"https://224.0.0.1/":                         "public internet",
		"https://255.255.255.255/":                   "public internet",
		"https://192.0.2.1/":                         "public internet",
		"https://[2001:db8::1]/":                     "public internet",
		"https://[ff02::1]/":                         "public internet",
		"https://[::]/":                              "public internet",
		"https://[::ffff:127.0.0.1]/":                "public internet",
		"https://[::ffff:7f00:1]/":                   "public internet",
		"https://[64:ff9b::7f00:1]/":                 "public internet",
		"https://[2002:7f00:1::]/":                   "public internet",
		"https://2130706433/":                        "number in disguise",
		"https://0x7f.1/":                            "number in disguise",
		"https://0x7f000001/":                        "number in disguise",
		"https://0177.0.0.1/":                        "number in disguise",
		"https://127.1/":                             "number in disguise",
		"https://user:pw@crm.example.org/":           "user or password",
		"https://crm.example.org@evil.example.net/":  "user or password",
		"https://evil.example.net#crm.example.org":   "fragment",
		"https://crm.example.org/#":                  "fragment",
		`https://crm.example.org\@evil.example.net/`: "not a URL",
		"https://crm.example.org/ x":                 "not a URL",
		"https://crm.example.org/\r\nHost: evil":     "not a URL",
		"https://crm.example.org:22/":                "port",
		"https://crm.example.org:25/":                "port",
		"https://crm.example.org:5432/":              "port",
		"https://crm.example.org:6379/":              "port",
		"https://crm.example.org:7233/":              "port",
		"https://crm.example.org:99999/":             "port",
		"https://book.example.com/v1/inbox":          "this installation itself",
		"https://BOOK.example.com./v1/inbox":         "this installation itself",
		"https://crm/":                               "no domain",
		"https:///path":                              "names no host",
		"https://exa_mple.org/":                      "not a name",
		"":                                           "expected https",
	} {
		_, err := egress.CheckURL("url", url)
		if dispatch.ReasonOf(err) != dispatch.ReasonURLNotAllowed || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, expected URL_NOT_ALLOWED that says %q", url, err, why)
		}
	}
}

func TestCheckURLTakes(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://crm.example.org/firstfix?key=1", "https://crm.example.org:443/", "https://crm.example.org:8443/x",
		"https://bücher.example.org/", "https://93.184.215.14/", "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/",
	} {
		if _, err := (dispatch.Egress{}).CheckURL("url", url); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// An operator lets single networks in, with any port; nothing beside them opens.
func TestEgressOfAnIntranet(t *testing.T) {
	t.Parallel()
	egress := dispatch.Egress{Allowed: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}}
	for to, want := range map[string]bool{
		"10.20.3.4:9443":          true,
		"[::ffff:10.20.3.4]:9443": true,
		"10.21.0.1:443":           false,
		"127.0.0.1:443":           false,
		"93.184.215.14:443":       true,
		"93.184.215.14:9443":      false,
		// A public address as a network without IPv4 sees it (RFC 6052), and an inner one.
		"[64:ff9b::5db8:d70e]:443": true,
		"[64:ff9b::a00:1]:443":     false,
	} {
		if got := egress.PermitsDial(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("dial %s: %v, expected %v", to, got, want)
		}
	}
	if _, err := egress.CheckURL("url", "https://crm:9443/leads"); err != nil {
		t.Errorf("a name of the intranet: %v", err)
	}
}
