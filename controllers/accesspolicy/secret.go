package accesspolicy

import "strings"

const (
	// arnParts is the number of parts of arn:<partition>:secretsmanager:<region>:<account>:secret:<name>.
	arnParts = 7
	// suffixLength is the length of the random end of an ARN: a hyphen and six characters.
	suffixLength = 7
)

// secret is what the rules are applied to: a secret's name, and its ARN without the random suffix where it is known.
type secret struct{ name, arn string }

// candidates are the secrets that an id may mean. A name means itself. An ARN may be full or partial, and only AWS
// knows which: its last seven characters may be the random suffix, or belong to the name.
func candidates(secretID string) []secret {
	if !isARN(secretID) {
		return []secret{{name: secretID}}
	}
	all := []secret{{name: nameIn(secretID), arn: secretID}}
	if full, ok := fromFullARN(secretID); ok {
		all = append(all, full)
	}
	return all
}

// fromFullARN is the secret of a full ARN, as AWS returns it. It is not ok if the ARN does not look like a full ARN.
func fromFullARN(arn string) (s secret, ok bool) {
	name := nameIn(arn)
	if len(name) <= suffixLength || name[len(name)-suffixLength] != '-' {
		return secret{}, false
	}
	return secret{name: name[:len(name)-suffixLength], arn: arn[:len(arn)-suffixLength]}, true
}

// isARN says whether a text, or a pattern, is meant as an ARN.
func isARN(text string) bool { return strings.HasPrefix(text, "arn:") }

// nameIn is the last part of an ARN: the name, with the random suffix if the ARN is full. It is empty if parts are
// missing.
func nameIn(arn string) string {
	parts := strings.SplitN(arn, ":", arnParts)
	if len(parts) < arnParts {
		return ""
	}
	return parts[arnParts-1]
}
