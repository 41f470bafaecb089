package crm_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/crm"
)

// What is posted by whoever trusts the written authority is shown, newest first; what
// is not JSON is refused.
func TestPostsAreShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "crm.pem")
	c, err := crm.New(path)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(t.Context(), listener) }()
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %s", text)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	for body, want := range map[string]int{`{"n": 1}`: http.StatusNoContent, `won`: http.StatusBadRequest} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+listener.Addr().String(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("webhook-id", "m1")
		request.Header.Set("webhook-timestamp", "7")
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, expected %d", body, response.StatusCode, want)
		}
	}
	mux := http.NewServeMux()
	c.Register(mux)
	shown := httptest.NewRecorder()
	mux.ServeHTTP(shown, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/crm.json", nil))
	var list struct {
		Received int
		Posts    []crm.Post
	}
	if err := json.Unmarshal(shown.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if list.Received != 1 || len(list.Posts) != 1 || list.Posts[0].Signed != `m1.7.{"n": 1}` {
		t.Errorf("got %s, expected the one post", shown.Body)
	}
}
