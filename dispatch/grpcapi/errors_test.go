package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// reasonsOfCode reads the constants of type Reason from dispatch/reason.go.
func reasonsOfCode(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			if literal, ok := v.(*ast.BasicLit); ok {
				word, _ := strconv.Unquote(literal.Value)
				words = append(words, word)
			}
		}
		return true
	})
	slices.Sort(words)
	return words
}

func TestEveryReasonHasACode(t *testing.T) {
	ofCode := reasonsOfCode(t)
	var ofTable, ofContract []string
	for reason := range codeOf {
		ofTable = append(ofTable, string(reason))
	}
	for number, name := range pb.Reason_name {
		if number != 0 {
			ofContract = append(ofContract, strings.TrimPrefix(name, "REASON_"))
		}
	}
	slices.Sort(ofTable)
	slices.Sort(ofContract)
	if diff := cmp.Diff(ofCode, ofTable); diff != "" {
		t.Errorf("dispatch/reason.go and the table of codes (-code +table):\n%s", diff)
	}
	if diff := cmp.Diff(ofCode, ofContract); diff != "" {
		t.Errorf("dispatch/reason.go and the contract (-code +contract):\n%s", diff)
	}
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]+[A-Z0-9]$`)
	for _, word := range ofCode {
		if !form.MatchString(word) || len(word) > 63 {
			t.Errorf("%s has not the form of a reason (AIP-193)", word)
		}
	}
}

// TestReasons holds the contract's comment on each reason, which begins with
// its code, to the table, and docs/errors.md to both.
func TestReasons(t *testing.T) {
	text, err := os.ReadFile("../../proto/firstfix/v1/reason.proto")
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`((?:  // .*\n)+)  REASON_([A-Z_]+) = [1-9]`)
	var table strings.Builder
	table.WriteString("\n| reason | code | what it means, and what to do |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
		comment := strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(m[1], "  // ", ""), "\n", " "))
		code, meaning, _ := strings.Cut(comment, ": ")
		if want := wireName(codeOf[dispatch.Reason(m[2])]); code != want {
			t.Errorf("%s: the contract says %s, the table %s", m[2], code, want)
		}
		seen[m[2]] = true
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", m[2], code, meaning)
	}
	if len(seen) != len(codeOf) {
		t.Errorf("reason.proto explains %d reasons, expected %d", len(seen), len(codeOf))
	}
	table.WriteString("\n")
	section(t, "../../docs/errors.md", "reasons", table.String())
}

// wireName is the code as google.rpc.Code spells it.
func wireName(c codes.Code) string {
	if c == codes.Canceled {
		return "CANCELLED"
	}
	return strings.ToUpper(regexp.MustCompile(`(.)([A-Z])`).ReplaceAllString(c.String(), "${1}_$2"))
}

// details sorts a status's details by kind.
func details(s *status.Status) map[string]any {
	out := map[string]any{}
	for _, d := range s.Details() {
		out[strings.TrimPrefix(fmt.Sprintf("%T", d), "*errdetails.")] = d
	}
	return out
}

func TestStatusOfEveryReason(t *testing.T) {
	for reason, code := range codeOf {
		refused := dispatch.Refuse(reason, "holds/x", "why").With("key", "value").Because(errors.New("secret"))
		refused.RetryAfter = 1500 * time.Millisecond
		refused.Fields = []dispatch.FieldViolation{{Field: "a.b", Reason: "REQUIRED", Message: "is missing"}}
		s := statusOf(fmt.Errorf("create hold: %w", refused))
		if s.Code() != code {
			t.Errorf("%s: code %s, expected %s", reason, s.Code(), code)
		}
		got := details(s)
		info, ok := got["ErrorInfo"].(*errdetails.ErrorInfo)
		if !ok || info.GetReason() != string(reason) || info.GetDomain() != "firstfix.dev" || info.GetMetadata()["key"] != "value" || info.GetMetadata()["resource"] != "holds/x" {
			t.Errorf("%s: ErrorInfo %v", reason, info)
		}
		if strings.Contains(s.Proto().String(), "secret") {
			t.Errorf("%s: the cause left the process: %v", reason, s.Proto())
		}
		want := map[string]bool{"ErrorInfo": true, "BadRequest": true, "RetryInfo": true}
		want["PreconditionFailure"] = code == codes.FailedPrecondition
		want["QuotaFailure"] = code == codes.ResourceExhausted
		want["ResourceInfo"] = code == codes.NotFound || code == codes.AlreadyExists ||
			reason == dispatch.ReasonHoldConsumed || reason == dispatch.ReasonDuplicateSuspected
		maps.DeleteFunc(want, func(_ string, v bool) bool { return !v })
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: details (-want +got):\n%s", reason, diff)
		}
		if wait := pushback(s); (code == codes.Unavailable) != (wait == "1500") {
			t.Errorf("%s: pushback %q", reason, wait)
		}
	}
}

func TestStatusOfWhatIsNoRefusal(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason string
	}{
		{errors.New(`pq: column "secret" does not exist`), codes.Internal, "INTERNAL"},
		{status.Error(codes.NotFound, "secret"), codes.Internal, "INTERNAL"},
		{status.Error(codes.Unimplemented, "method PlanDay not implemented"), codes.Unimplemented, "METHOD_NOT_AVAILABLE"},
		{fmt.Errorf("query: %w", context.DeadlineExceeded), codes.DeadlineExceeded, "DEADLINE_EXCEEDED"},
		{context.Canceled, codes.Canceled, "CANCELLED"},
	} {
		s := statusOf(c.err)
		if s.Code() != c.code || reasonOf(s) != c.reason || strings.Contains(s.Message(), "secret") {
			t.Errorf("%v: %v with reason %s, expected %s with %s", c.err, s, reasonOf(s), c.code, c.reason)
		}
	}
}

func TestResourceType(t *testing.T) {
	for name, want := range map[string]string{
		"holds/1": "firstfix.dev/Hold", "services/a/tiers/b": "firstfix.dev/Tier", "customers/1/contacts/2": "firstfix.dev/Contact", "thing": "", "things/1": "",
	} {
		if got := resourceType(name); got != want {
			t.Errorf("%s is a %q, expected %q", name, got, want)
		}
	}
	// Every resource of the contract is known.
	for message := range messages(t) {
		for _, field := range resourceFields(message) {
			if got := resourceType(field.collection + "/x"); got != field.kind {
				t.Errorf("%s refers to %s, which is a %q here", message.FullName(), field.kind, got)
			}
		}
	}
}

// Staff learn what does not exist; who is bound to single objects gets one
// answer for missing, foreign and not his.
func TestConceal(t *testing.T) {
	missing := fmt.Errorf("read: %w", dispatch.NotFound("appointments/1"))
	denied := dispatch.Refuse(dispatch.ReasonAccessDenied, "appointments/1", "it is another customer's")
	for _, role := range []dispatch.Role{visitor, link, customer, technician} {
		caller := dispatch.Principal{Role: role}
		a, b := statusOf(conceal(caller, missing)), statusOf(conceal(caller, denied))
		if diff := cmp.Diff(a.Proto().String(), b.Proto().String()); diff != "" {
			t.Errorf("%s can tell a missing object from somebody else's:\n%s", role, diff)
		}
		if a.Code() != codes.PermissionDenied || strings.Contains(a.Proto().String(), "appointments/1") {
			t.Errorf("%s gets %v", role, a.Proto())
		}
		if s := statusOf(conceal(caller, dispatch.NotFound("services/x"))); s.Code() != codes.NotFound {
			t.Errorf("%s is not told that a service of the catalogue is missing: %v", role, s)
		}
	}
	if s := statusOf(conceal(dispatch.Principal{Role: dispatcher}, missing)); s.Code() != codes.NotFound {
		t.Errorf("a dispatcher gets %v for what does not exist", s)
	}
}
