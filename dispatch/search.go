package dispatch

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// SearchWords gives the words by which texts are found, in one normal form:
// compatibility form, lower case, letters and digits, each once, sorted. At most
// 64 of them, so that a text of a thousand words costs no thousand rows.
func SearchWords(texts ...string) []string {
	var words []string
	for _, text := range texts {
		words = append(words, strings.Fields(squash(text))...)
	}
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), 64)]
}

// SearchWords of a customer: the name, the address for mail, the phone number
// and the reference.
func (c Customer) SearchWords() []string {
	return SearchWords(c.DisplayName, c.Email, c.Phone, nationalNumber(c.Phone), c.ExternalReference)
}

// SearchWords of a contact: the name, the address for mail and the phone number.
func (c Contact) SearchWords() []string {
	return SearchWords(c.DisplayName, c.Email, c.Phone, nationalNumber(c.Phone))
}

// nationalNumber is a number as it is dialled at home, without its leading zero:
// the other beginning by which it is looked for.
func nationalNumber(e164 string) string {
	number, err := phonenumbers.Parse(e164, "ZZ")
	if err != nil {
		return ""
	}
	return phonenumbers.GetNationalSignificantNumber(number)
}

// SearchWords of a site: its address and postal code.
func (s Site) SearchWords() []string { return SearchWords(s.Address, s.PostalCode) }

// SearchWords of an asset: its name, model and serial number.
func (a Asset) SearchWords() []string {
	return SearchWords(a.DisplayName, a.Model, a.SerialNumber)
}

// SearchPrefixes gives the words of a query; a text is found if each is the
// start of one of its words. A phone number is one word however it is spaced,
// and its leading zero or plus does not count, since numbers are kept in E.164.
func SearchPrefixes(query string) []string {
	if digits, ok := phoneDigits(query); ok {
		return []string{digits}
	}
	return SearchWords(query)
}

func phoneDigits(query string) (string, bool) {
	var digits strings.Builder
	for _, r := range query {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case !strings.ContainsRune("+() ./-", r):
			return "", false
		}
	}
	text := strings.TrimLeft(digits.String(), "0")
	return text, len(text) >= 5
}
