package fieldwork

import (
	"testing"

	"github.com/google/uuid"

	"github.com/firstfix/firstfix/dispatch"
)

// maxCursor is the limit of SyncRequest.cursor in the contract.
const maxCursor = 4096

// The largest cursor that Sync can make fits the field that it comes back in.
func TestTheLargestCursorFits(t *testing.T) {
	t.Parallel()
	seal, err := dispatch.NewSeal(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	visits, referrals := held{}, held{}
	for range syncVisits {
		visits[uuid.New()] = [digestSize]byte{1}
	}
	for range syncReferrals {
		referrals[uuid.New()] = [digestSize]byte{2}
	}
	c := cursor{
		Version: cursorVersion, Tenant: dispatch.TenantID{}.New(), Technician: dispatch.TechnicianID{}.New(),
		Visits: visits.pack(), Referrals: referrals.pack(),
	}
	token, err := seal.Token(dispatch.PurposeSyncCursor, c)
	if err != nil || len(token) > maxCursor {
		t.Errorf("%d characters, %v; the contract allows %d", len(token), err, maxCursor)
	}
	if got := unpack(c.Visits); len(got) != syncVisits {
		t.Errorf("%d visits came back of %d", len(got), syncVisits)
	}
}
