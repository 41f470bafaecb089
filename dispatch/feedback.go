package dispatch

import (
	"context"
	"strings"
)

// ShowSettled fills what follows from other rows into referrals that are shown: what
// became of the sale, what it brought, and in words for the technician what became of
// it. Amounts are for those who may know them.
func ShowSettled(ctx context.Context, tx Tx, amounts bool, referrals []Referral) error {
	if len(referrals) == 0 {
		return nil
	}
	tenant, err := tx.GetTenant(ctx)
	if err != nil {
		return err
	}
	ids := make([]ReferralID, len(referrals))
	for i, r := range referrals {
		ids[i] = r.ID
	}
	settled, err := tx.SettlementsOf(ctx, ids)
	if err != nil {
		return err
	}
	for i := range referrals {
		r := &referrals[i]
		r.Settlement = nil
		if s, ok := settled[r.ID]; ok {
			if !amounts {
				s.Earned, s.Held = Money{}, Money{}
			}
			r.Settlement, r.Promised = &s, s.Promised
		}
		r.Feedback = feedback(tenant.Language, *r)
	}
	return nil
}

// feedback tells a technician what became of what he noticed, in a language that we
// speak, else in English.
func feedback(language string, r Referral) string {
	words, ok := feedbackWords[strings.ToLower(strings.SplitN(language, "-", 2)[0])]
	if !ok {
		words = feedbackWords["en"]
	}
	about, reason := string(r.State), r.StateReason
	if s := r.Settlement; s != nil && (s.Sale == SaleLeft || s.Sale == SaleReversed) {
		about, reason = string(s.Sale), s.SaleReason
	}
	told := words[about]
	if !r.DuplicateOf.IsZero() && !ReferralMachine.Terminal(r.State) {
		told = words["duplicate"] + " " + told
	}
	if reason != "" {
		told = strings.TrimSuffix(told, ".") + ": " + reason
	}
	return told
}

// feedbackWords are what a technician hears, by language and by the state of the
// referral or of its sale.
var feedbackWords = map[string]map[string]string{
	"en": {
		string(ReferralLogged):    "Noted. It waits for somebody in sales.",
		string(ReferralRouted):    "It is with sales, who have not taken it up yet.",
		string(ReferralAccepted):  "Sales has taken it up and will contact the customer.",
		string(ReferralContacted): "Sales has spoken to the customer.",
		string(ReferralQualified): "The customer wants to know more: it is a real opportunity.",
		string(ReferralQuoted):    "The customer has an offer.",
		string(ReferralWon):       "Sold. It came from what you noticed: thank you.",
		string(ReferralLost):      "The customer decided against it.",
		string(ReferralDeclined):  "Sales does not pursue it.",
		string(ReferralExpired):   "Nobody in sales took it up in time. That is our fault, not yours.",
		string(SaleLeft):          "It was sold, and the customer has left since.",
		string(SaleReversed):      "It was sold, and the sale was taken back.",
		"duplicate":               "Somebody noticed the same before: the customer is asked once.",
	},
	"de": {
		string(ReferralLogged):    "Notiert. Es wartet auf jemanden im Vertrieb.",
		string(ReferralRouted):    "Es liegt beim Vertrieb, der es noch nicht angenommen hat.",
		string(ReferralAccepted):  "Der Vertrieb hat es angenommen und meldet sich beim Kunden.",
		string(ReferralContacted): "Der Vertrieb hat mit dem Kunden gesprochen.",
		string(ReferralQualified): "Der Kunde will mehr wissen: es ist eine echte Gelegenheit.",
		string(ReferralQuoted):    "Der Kunde hat ein Angebot.",
		string(ReferralWon):       "Verkauft. Es kam von dem, was Sie bemerkt haben: danke.",
		string(ReferralLost):      "Der Kunde hat sich dagegen entschieden.",
		string(ReferralDeclined):  "Der Vertrieb verfolgt es nicht.",
		string(ReferralExpired):   "Niemand im Vertrieb hat es rechtzeitig angenommen. Das liegt an uns, nicht an Ihnen.",
		string(SaleLeft):          "Es wurde verkauft, und der Kunde ist seither gegangen.",
		string(SaleReversed):      "Es wurde verkauft, und der Verkauf wurde zurückgenommen.",
		"duplicate":               "Jemand hat dasselbe schon vorher bemerkt: der Kunde wird einmal gefragt.",
	},
}
