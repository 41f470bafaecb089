package dispatch

import (
	"net/mail"
	"strings"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
	"golang.org/x/text/language"
)

// longestEmail is the longest address that mail can be sent to (RFC 5321).
const longestEmail = 254

// CleanEmail reads an address for mail and gives it as we keep it: lower case,
// the domain in ASCII. Lower case on both sides is not what the standard says,
// but what every provider does; it makes two spellings one person.
func CleanEmail(field, text string) (string, error) {
	wrong := InvalidField(ReasonInvalidRequest, field, "it is not an address for mail, expected name@example.org")
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '@')
	if at < 1 || len(text) > longestEmail || strings.ContainsAny(text, "\r\n\"<>") || strings.Count(text, "@") != 1 {
		return "", wrong
	}
	domain, err := idna.Lookup.ToASCII(text[at+1:])
	if err != nil || !strings.Contains(domain, ".") {
		return "", wrong.Because(err)
	}
	clean := strings.ToLower(text[:at]) + "@" + domain
	parsed, err := mail.ParseAddress(clean)
	if err != nil || parsed.Address != clean || len(clean) > longestEmail {
		return "", wrong.Because(err)
	}
	return clean, nil
}

// CleanPhone reads a phone number and gives it in E.164. A number without its
// country code cannot be called from everywhere and is refused.
func CleanPhone(field, text string) (string, error) { return CleanPhoneIn(field, text, "ZZ") }

// CleanPhoneIn is CleanPhone for where national spellings are known to be those
// of a region (ISO 3166, e.g. "US").
func CleanPhoneIn(field, text, region string) (string, error) {
	number, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", InvalidField(ReasonInvalidRequest, field,
			"it is not a phone number with its country code, expected e.g. +1 617 555 0100").Because(err)
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// Region is where the tenant's people live, as far as their language tells: ISO
// 3166, "ZZ" where it does not. "en-GB" says it, of "de" it is the likeliest.
func (t Tenant) Region() string {
	region, confidence := language.Make(t.Language).Region()
	if confidence == language.No {
		return "ZZ"
	}
	return region.String()
}
