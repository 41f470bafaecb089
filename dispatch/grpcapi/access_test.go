package grpcapi

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/firstfix/firstfix/dispatch"
)

var wireRoles = []dispatch.Role{visitor, link, customer, technician, dispatcher, sales, administrator}

// TestAccess holds the table to the contract and docs/security.md to the table.
func TestAccess(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| method | visitor | link | customer | technician | dispatcher | sales | administrator |\n|---|---|---|---|---|---|---|---|\n")
	methods := 0
	for s := range contractServices() {
		for i := range s.Methods().Len() {
			full := fmt.Sprintf("/%s/%s", s.FullName(), s.Methods().Get(i).Name())
			rule, ok := access[full]
			if !ok {
				t.Errorf("%s is not in the table", full)
				continue
			}
			methods++
			if rule.public != (len(rule.roles) == 0) || rule.cap == 0 {
				t.Errorf("%s: public %t, %d roles, cap %s", full, rule.public, len(rule.roles), rule.cap)
			}
			fmt.Fprintf(&table, "| `%s.%s` |", s.Name(), s.Methods().Get(i).Name())
			for _, role := range wireRoles {
				switch {
				case rule.public:
					table.WriteString(" no token |")
				case rule.may(role):
					table.WriteString(" yes |")
				default:
					table.WriteString(" |")
				}
			}
			table.WriteString("\n")
		}
	}
	if methods != len(access) {
		t.Errorf("the table has %d rows, the contract %d methods", len(access), methods)
	}
	table.WriteString("\n")
	section(t, "../../docs/security.md", "access", table.String())
}

// Every role against every method, and against names that only look like one.
func TestAuthorize(t *testing.T) {
	for method, rule := range access {
		for _, role := range append(wireRoles, dispatch.RoleSystem, "", "Administrator") {
			err := authorize(dispatch.Principal{Role: role}, method)
			want := dispatch.ReasonAccessDenied
			if role == link {
				want = dispatch.ReasonTokenWrongType
			}
			if rule.public || rule.may(role) {
				want = ""
			}
			if got := dispatch.ReasonOf(err); got != want {
				t.Errorf("%s calls %s: %q, expected %q", role, method, got, want)
			}
		}
		for _, variant := range []string{method[1:], "/" + method, method + "/", method + ".", strings.ToLower(method), strings.ReplaceAll(method, "/", "%2F")} {
			if err := authorize(dispatch.Principal{Role: administrator}, variant); err == nil {
				t.Errorf("an administrator was let through to %q", variant)
			}
		}
	}
}

func TestMethodWithoutARowStopsTheStart(t *testing.T) {
	server := grpc.NewServer()
	Register(server, Services{})
	if err := checkAccess(server.GetServiceInfo()); err != nil {
		t.Fatalf("the contract as it is: %v", err)
	}
	info := server.GetServiceInfo()
	info["firstfix.v1.NewService"] = grpc.ServiceInfo{Methods: []grpc.MethodInfo{{Name: "Steal"}}}
	if err := checkAccess(info); err == nil || !strings.Contains(err.Error(), "/firstfix.v1.NewService/Steal") {
		t.Errorf("a method without a row: %v", err)
	}
	delete(info, "firstfix.v1.NewService")
	delete(info, "firstfix.v1.InsightService")
	if err := checkAccess(info); err == nil || !strings.Contains(err.Error(), "InsightService") {
		t.Errorf("a row without a method: %v", err)
	}
}
