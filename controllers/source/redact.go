package source

import "regexp"

// credentialPatterns find what may be secret in the text of an error of a client, each with what is shown instead:
// user and password in a URL, JSON Web Tokens, values that a service quotes of a request, bearer tokens, and
// headers of a request and their parts.
var credentialPatterns = []struct {
	found *regexp.Regexp
	shown string
}{
	{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s"']*@`), "${1}" + redacted + "@"},
	{regexp.MustCompile(`\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), redacted},
	{regexp.MustCompile(`(?i)((?:authorization:\s*)?bearer\s+)\S+`), "${1}" + redacted},
	{regexp.MustCompile(`(?i)(value ')[^']*(' at ')`), "${1}" + redacted + "${2}"},
	{regexp.MustCompile(`(?i)((?:signature|credential|security-token|webidentitytoken|sessiontoken|secretaccesskey|password)["']?\s*[=:]\s*["']?)[^\s,;&"']+`),
		"${1}" + redacted},
}

// Redact takes credentials out of the text of an error, for logs. It knows them by their form, so that it is the
// last guard and not the only one.
func Redact(text string) string {
	for _, pattern := range credentialPatterns {
		text = pattern.found.ReplaceAllString(text, pattern.shown)
	}
	return text
}
