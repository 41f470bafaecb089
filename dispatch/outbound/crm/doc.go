// Package crm posts referrals to the CRMs of tenants: CloudEvents 1.0 in structured
// JSON, signed by the Standard Webhooks, in our own words or in those of Salesforce's
// and HubSpot's lead objects.
//
// It makes one post at a time, to an address that a tenant chose, and so trusts
// nothing about it: every connection is judged by the address that was resolved for
// it, redirects and proxies are not followed, and of an answer no more is kept than
// its status. What is sent when, and what follows from the answer, is decided by
// dispatch/referral.
package crm
