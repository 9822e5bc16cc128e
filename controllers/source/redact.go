package source

import "regexp"

// What may be secret in the text of an error of a client, and what is shown of it.
var (
	// userInURL is user and password in a URL.
	userInURL = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s"']*@`)
	// webToken is a JSON Web Token.
	webToken = regexp.MustCompile(`\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	// bearer is a token in a header.
	bearer = regexp.MustCompile(`(?i)((?:authorization:\s*)?bearer\s+)\S+`)
	// quotedValue is what a service quotes of a parameter that it does not take.
	quotedValue = regexp.MustCompile(`(?i)(value ')[^']*(' at ')`)
	// credentialField is a header, or a part of one, or a field with a credential in it.
	credentialField = regexp.MustCompile(`(?i)((?:signature|credential|security-token|webidentitytoken|sessiontoken|secretaccesskey|password)["']?\s*[=:]\s*["']?)[^\s,;&"']+`)
)

// Redact takes credentials out of the text of an error, for logs. It knows them by their form, so that it is the
// last guard and not the only one.
func Redact(text string) string {
	text = userInURL.ReplaceAllString(text, "${1}"+redacted+"@")
	text = webToken.ReplaceAllString(text, redacted)
	text = bearer.ReplaceAllString(text, "${1}"+redacted)
	text = quotedValue.ReplaceAllString(text, "${1}"+redacted+"${2}")
	return credentialField.ReplaceAllString(text, "${1}"+redacted)
}
