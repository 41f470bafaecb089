package dispatch

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Customer pays, and is told.
type Customer struct {
	ID                CustomerID
	DisplayName       string
	Email             string
	Phone             string // E.164
	Language          string // BCP 47, "" = the tenant's
	MailAllowed       bool
	TextAllowed       bool
	ExternalReference string
	AccountOwner      string // subject of the sales member who looks after him, "" if nobody does
	MergedInto        CustomerID
	Version           int64
}

// Name is the resource name.
func (c Customer) Name() string { return c.ID.Name() }

// Contact is a person who is spoken to on a customer's behalf.
type Contact struct {
	ID          ContactID
	Customer    CustomerID
	DisplayName string
	Email       string
	Phone       string
	Version     int64
}

// Name is the resource name, under its customer.
func (c Contact) Name() string { return c.Customer.Name() + "/" + c.ID.Name() }

// Site is a place where work is done, whoever the customer is.
type Site struct {
	ID          SiteID
	Address     string
	PostalCode  string
	Location    Point
	TimeZone    string
	Territory   TerritoryID // "" outside every territory
	AccessNotes string
	Version     int64
}

// Name is the resource name.
func (s Site) Name() string { return s.ID.Name() }

// Asset is a thing installed at a site.
type Asset struct {
	ID           AssetID
	Site         SiteID
	DisplayName  string
	Model        string
	SerialNumber string
	InstalledOn  Date
	Version      int64
}

// Name is the resource name.
func (a Asset) Name() string { return a.ID.Name() }

// AddressKey is what makes two spellings of an address one site: compatibility
// form, lower case, letters and digits only, single spaces. A place without an
// address is known by its point, to about ten metres.
func AddressKey(address, postalCode string, at Point) string {
	key := squash(address)
	if key == "" {
		return fmt.Sprintf("@%.4f,%.4f", at.Longitude, at.Latitude)
	}
	return key + "|" + squash(postalCode)
}

func squash(s string) string {
	var b strings.Builder
	space := false
	for _, r := range norm.NFKC.String(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(unicode.ToLower(r))
			continue
		}
		space = true
	}
	return b.String()
}
