package dispatch_test

import (
	"bytes"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
)

func TestSeal(t *testing.T) {
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	token, err := seal.Token(dispatch.PurposeHold, map[string]int{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := seal.Token(dispatch.PurposeHold, map[string]int{"a": 1}); again != token {
		t.Errorf("the same content gave %q and %q", token, again)
	}
	var got map[string]int
	if err := seal.Open(dispatch.PurposeHold, token, &got); err != nil || got["a"] != 1 {
		t.Errorf("opened %v, %v", got, err)
	}
	if err := seal.Open(dispatch.PurposeVisitor, token, &got); dispatch.ReasonOf(err) != dispatch.ReasonTokenTampered {
		t.Errorf("opened for another purpose: %v", err)
	}
	for i := range token {
		altered := []byte(token)
		if altered[i] == 'A' {
			altered[i] = 'B'
		} else {
			altered[i] = 'A'
		}
		if err := seal.Open(dispatch.PurposeHold, string(altered), &got); dispatch.ReasonOf(err) != dispatch.ReasonTokenTampered {
			t.Fatalf("altered at %d: %v", i, err)
		}
	}
	if _, err := dispatch.NewSeal([]byte("short")); err == nil {
		t.Error("a short secret was taken")
	}
}
