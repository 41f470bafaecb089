package crm

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// event is a CloudEvent 1.0 in the structured mode of its JSON format.
type event struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"` // the webhook-id
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"` // of the change
	ContentType string    `json:"datacontenttype"`
	Data        any       `json:"data"`
}

const eventPrefix = "dev.firstfix."

func compose(attempt dispatch.WebhookAttempt) ([]byte, error) {
	d := attempt.Delivery
	e := event{
		SpecVersion: "1.0", ID: d.ID.String(), Source: "/" + attempt.Tenant.Name(), Type: eventPrefix + string(d.Event),
		Time: d.CreatedAt.UTC(), ContentType: "application/json",
	}
	switch {
	case d.Event == dispatch.WebhookTest:
		e.Data = struct {
			Endpoint string `json:"endpoint"`
		}{attempt.Endpoint.Name()}
	case d.Lead == nil:
		return nil, fmt.Errorf("the lead of %s is not there any more", d.Name())
	default:
		e.Subject, e.Data = d.Lead.Referral, dataOf(attempt.Endpoint.Format, *d.Lead)
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", d.Name(), err)
	}
	return body, nil
}

func dataOf(format dispatch.WebhookFormat, lead dispatch.Lead) any {
	switch format {
	case dispatch.FormatSalesforce:
		return salesforceOf(lead)
	case dispatch.FormatHubSpot:
		return hubSpotOf(lead)
	case dispatch.FormatFirstfix:
	}
	return lead
}

// salesforceLead holds fields of Salesforce's standard Lead object (Object Reference,
// "Lead"). LastName and Company are required there. The fields that end in __c are to
// be made by the company: with Firstfix_Referral__c as an external id, an upsert by it
// makes copies and stragglers harmless.
type salesforceLead struct {
	Referral     string   `json:"Firstfix_Referral__c"`
	Version      int64    `json:"Firstfix_Version__c"`
	State        string   `json:"Firstfix_State__c"`
	LastName     string   `json:"LastName"`
	FirstName    string   `json:"FirstName,omitempty"`
	Company      string   `json:"Company"`
	Phone        string   `json:"Phone,omitempty"`
	Email        string   `json:"Email,omitempty"`
	Street       string   `json:"Street,omitempty"`
	PostalCode   string   `json:"PostalCode,omitempty"`
	Description  string   `json:"Description"`
	LeadSource   string   `json:"LeadSource"`
	Rating       string   `json:"Rating"` // Hot, Warm or Cold
	Estimate     *float64 `json:"Firstfix_Estimate__c,omitempty"`
	CurrencyCode string   `json:"Firstfix_Currency__c,omitempty"`
}

func salesforceOf(lead dispatch.Lead) salesforceLead {
	first, last := splitName(lead.CustomerName)
	out := salesforceLead{
		Referral: lead.Referral, Version: lead.Version, State: lead.State,
		LastName: last, FirstName: first, Company: lead.CustomerName,
		Phone: lead.Phone, Email: lead.Email, Street: lead.Address, PostalCode: lead.PostalCode,
		Description: describe(lead), LeadSource: "Employee Referral", Rating: ratings[lead.Urgency],
	}
	if lead.Estimate != nil {
		if perUnit, ok := dispatch.MinorPerUnit(lead.Estimate.Currency); ok {
			units := float64(lead.Estimate.Minor) / float64(perUnit)
			out.Estimate, out.CurrencyCode = &units, lead.Estimate.Currency
		}
	}
	return out
}

// ratings are Salesforce's, by our urgency; HubSpot's labels are the same in capitals.
var ratings = map[string]string{string(dispatch.UrgencyHigh): "Hot", string(dispatch.UrgencyNormal): "Warm", string(dispatch.UrgencyLow): "Cold"}

// hubSpot holds properties of HubSpot's contact and lead objects (CRM API, "Contacts"
// and "Leads"): a lead there has a name and hangs on a contact.
type hubSpot struct {
	Referral string         `json:"firstfix_referral"`
	Version  int64          `json:"firstfix_version"`
	State    string         `json:"firstfix_state"`
	Contact  hubSpotContact `json:"contact"`
	Lead     hubSpotLead    `json:"lead"`
}

type hubSpotContact struct {
	FirstName string `json:"firstname,omitempty"`
	LastName  string `json:"lastname"`
	Phone     string `json:"phone,omitempty"`
	Email     string `json:"email,omitempty"`
	Address   string `json:"address,omitempty"`
	Zip       string `json:"zip,omitempty"`
}

type hubSpotLead struct {
	Name  string `json:"hs_lead_name"`
	Label string `json:"hs_lead_label"` // HOT, WARM or COLD
}

func hubSpotOf(lead dispatch.Lead) hubSpot {
	first, last := splitName(lead.CustomerName)
	return hubSpot{
		Referral: lead.Referral, Version: lead.Version, State: lead.State,
		Contact: hubSpotContact{
			FirstName: first, LastName: last, Phone: lead.Phone, Email: lead.Email, Address: lead.Address, Zip: lead.PostalCode,
		},
		Lead: hubSpotLead{Name: lead.CustomerName + ": " + lead.Need, Label: strings.ToUpper(ratings[lead.Urgency])},
	}
}

// splitName takes the last word for the last name, for systems that need one.
func splitName(name string) (first, last string) {
	name = strings.TrimSpace(name)
	at := strings.LastIndexByte(name, ' ')
	return strings.TrimSpace(name[:max(at, 0)]), name[at+1:]
}

// describe says in words what has no field of its own.
func describe(lead dispatch.Lead) string {
	lines := []string{lead.Need}
	if lead.Suggestion != "" {
		lines = append(lines, "Suggested: "+lead.Suggestion)
	}
	return strings.Join(append(lines, "Noticed by "+lead.Technician+"; agreed to be contacted by "+lead.ConsentChannel+"."), "\n")
}
