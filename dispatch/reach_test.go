package dispatch_test

import (
	"strings"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
)

func TestCleanEmail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Grace.Hopper@Example.ORG":                "grace.hopper@example.org",
		" ada@example.org ":                       "ada@example.org",
		"ada@bücher.example":                      "ada@xn--bcher-kva.example",
		"a+tag@sub.example.org":                   "a+tag@sub.example.org",
		"ada@example.org\r\nBcc: all@example.org": "",
		"a@b@example.org":                         "",
		`"a b"@example.org`:                       "",
		"ada@localhost":                           "",
		"@example.org":                            "",
		"ada@":                                    "",
		"":                                        "",
		strings.Repeat("a", 400) + "@example.org": "",
	} {
		got, err := dispatch.CleanEmail("email", text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%.40q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestCleanPhone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"+1 (617) 555-0100": "+16175550100",
		"+49 30 123456":     "+4930123456",
		"617 555 0100":      "",
		"+1":                "",
		"hello":             "",
		"":                  "",
	} {
		got, err := dispatch.CleanPhone("phone", text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
