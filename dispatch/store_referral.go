package dispatch

// ReferralTx is what the use cases of dispatch/referral need of a transaction.
type ReferralTx interface {
}
